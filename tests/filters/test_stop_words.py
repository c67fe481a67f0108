import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.stop_words import StopWords
from tests.text_batches import batch_of, broken_rules, scores_of

PROSE = (
    "The mill stands at the end of the valley, and when the wind is right you can hear its sails"
    " from the road. We don't know who built it, but it has been there for at least two hundred"
    " years."
)
GOODS = "Blue cotton shirt, leather shoes, wool socks, silk tie, summer hat, winter coat, the belt"


def test_keeps_prose_and_drops_a_list_of_goods() -> None:
    assert broken_rules(StopWords(), batch_of(PROSE, GOODS)) == [set(), {"stop_word_share"}]


@pytest.mark.parametrize(("mills", "kept"), [(13, True), (14, False)])
def test_a_text_on_the_bound_is_kept(mills: int, kept: bool) -> None:
    batch = batch_of("the " * 7 + "mill " * mills)
    assert (broken_rules(StopWords(), batch) == [set()]) == kept


def test_every_occurrence_counts_whatever_its_case_and_marks() -> None:
    batch = batch_of("The THE, “the” mill stone don't don’t wheel")
    assert scores_of(StopWords(), batch)["stop_word_share"] == [5 / 8]


def test_text_parts_are_judged_one_by_one() -> None:
    batch = batch_of(["the mill", "wheel"], ["of"])
    assert scores_of(StopWords(over="text"), batch)["stop_word_share"] == [0.5, 0.0, 1.0]


def test_abstains_on_other_languages_on_scripts_without_spaces_and_without_words() -> None:
    tags = [["lang:de"], ["lang:en"], [], []]
    batch = batch_of("Das Rad", "wheel", "今天天气很好", "", tags=tags)
    shares = scores_of(StopWords(), batch)["stop_word_share"]
    assert np.isnan(shares).tolist() == [True, False, True, True]


def test_stop_words_of_another_language_can_be_given() -> None:
    german = StopWords(stop_words=("und", "die"), language="de")
    batch = batch_of("die Katze und Hund", tags=[["lang:de"]])
    assert scores_of(german, batch)["stop_word_share"] == [0.5]


@pytest.mark.parametrize(
    ("words", "message"), [((), "is empty"), (("as well",), "'as well' is 2 words")]
)
def test_a_list_that_cannot_work_is_refused(words: tuple[str, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        StopWords(stop_words=words)


def reference(text: str) -> float:
    words = [word.strip(",.“”").lower() for word in text.split()]
    listed = set(StopWords().stop_words)
    return sum(word in listed for word in words) / len(words) if words else np.nan


pieces = ["the", "Of,", "mill", "“it's”", "it’s", "...", "7", " ", " ", "\n"]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(st.sampled_from(pieces), max_size=20).map("".join), max_size=4))
def test_the_score_is_that_of_the_plain_reading(texts: list[str]) -> None:
    scores = StopWords().build()(batch_of(*texts))
    expected = np.array([reference(text) for text in texts], np.float32)
    np.testing.assert_equal(scores["stop_word_share"], expected)
