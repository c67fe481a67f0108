import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.media_url import MediaUrl
from tests.fakes import batch_of, sample


def scores_of(operator: MediaUrl, *urls: str | None) -> np.ndarray:
    batch = batch_of([sample("page", media=[{"uri": url} for url in urls])])
    [limit] = operator.limits()
    return operator.build()(batch)[limit.score]


def test_drops_media_whose_url_holds_one_of_the_strings() -> None:
    urls = (
        "http://mill.example/Logo.png",
        "http://mill.example/avatars/1.jpg",
        "http://mill.example/wheel.jpg",
    )
    scores = scores_of(MediaUrl(), *urls)
    assert scores.dtype == np.float32
    assert scores.tolist() == [1.0, 1.0, 0.0]
    [limit] = MediaUrl().limits()
    assert limit.keeps(scores).tolist() == [False, False, True]


def test_counts_each_string_once() -> None:
    assert scores_of(MediaUrl(strings=("A", "b")), "a/a/b").tolist() == [2.0]


def test_media_without_a_url_or_inside_it_are_not_judged() -> None:
    scores = scores_of(MediaUrl(), None, "data:image/png;base64,xxxlogo", "http://mill.example/")
    assert np.isnan(scores).tolist() == [True, True, False]


def test_an_empty_string_is_refused() -> None:
    with pytest.raises(ValueError, match="every URL holds"):
        MediaUrl(strings=("",))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text("abAB.*", min_size=1, max_size=6), max_size=4))
def test_the_score_is_that_of_the_plain_reading(urls: list[str]) -> None:
    strings = ("ab", "a.", "b*")
    expected = [float(sum(each in url.lower() for each in strings)) for url in urls]
    assert scores_of(MediaUrl(strings=strings), *urls).tolist() == expected
