"""Each estimator alone on planted measurements, and the order that all must give."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.complementarity import Complementarity
from tests.fakes import batch_of, sample


def _scores(filter_, *pictures):
    batch = batch_of([sample("a", "x", media=[{"scores": each} for each in pictures])])
    return filter_.build()(batch)["complementarity"]


def _clip(best, held):
    """The measurements of a picture with such a best cosine, and such a one with all together."""
    return {"clip.best": best, "clip.residual": 1 - held**2}


RESIDUAL = Complementarity(stray_cosine=0.125, told_cosine=0.625)


def test_residual_grows_with_the_bearing_until_the_text_tells_it_all():
    cosines = [0.0, 0.125, 0.25, 0.375, 0.5, 0.59375, 0.625, 1.0]
    found = _scores(RESIDUAL, *(_clip(each, each) for each in cosines))
    np.testing.assert_allclose(found, [0, 0, 0.25, 0.5, 0.75, 0.46875, 0, 0], atol=1e-5)


def test_many_sentences_that_tell_a_picture_together_leave_no_novelty():
    found = _scores(RESIDUAL, _clip(0.375, 0.375), _clip(0.375, 0.59375), _clip(0.375, 0.625))
    np.testing.assert_allclose(found, [0.5, 0.25, 0], atol=1e-5)


def test_bearing_is_the_mean_of_the_cosines():
    scattered = {**_clip(0.625, 0.5), "clip.near": 0.125, "clip.document": 0.375}
    np.testing.assert_allclose(_scores(RESIDUAL, scattered), [0.5], atol=1e-6)


@given(st.floats(-1, 1), st.floats(0, 1))
def test_residual_lies_in_its_range(best, held):
    (found,) = _scores(RESIDUAL, _clip(best, held))
    assert 0 <= found <= 1


def test_information_gain_counts_what_a_picture_shows_beyond_the_text_it_helps_with():
    gain = Complementarity(estimator="information_gain")
    pictures = [
        {"gain.facts": 0.75, "gain.text": 0.25},
        {"gain.facts": 0.75, "gain.text": 0.0},  # decoration: it helps the text not at all
        {"gain.facts": 0.25, "gain.text": 0.5},  # the text tells more of it than its caption
        {"gain.facts": 0.75},
        {"gain.text": 0.25},
    ]
    np.testing.assert_array_equal(_scores(gain, *pictures), [0.5, 0, 0, np.nan, np.nan])


def test_propositions_are_taken_as_they_were_measured():
    found = _scores(Complementarity(estimator="propositions"), {"propositions.score": 0.5}, {})
    np.testing.assert_array_equal(found, [0.5, np.nan])


@pytest.mark.parametrize(
    ("estimator", "redundant", "decorative", "complementary"),
    [
        ("residual", _clip(0.6, 0.62), _clip(0.14, 0.14), _clip(0.4, 0.42)),
        (
            "information_gain",
            {"gain.facts": 0.8, "gain.text": 0.7},
            {"gain.facts": 0.8, "gain.text": -0.02},
            {"gain.facts": 0.8, "gain.text": 0.3},
        ),
        (
            "propositions",
            {"propositions.score": 0.1},
            {"propositions.score": 0.0},
            {"propositions.score": 0.6},
        ),
    ],
)
def test_complementary_ranks_over_redundant_and_decorative(
    estimator, redundant, decorative, complementary
):
    filter_ = Complementarity(estimator=estimator, stray_cosine=0.125, told_cosine=0.625)
    found = _scores(filter_, redundant, decorative, complementary)
    assert found[2] > max(found[0], found[1])


def test_a_document_is_judged_by_the_mean_of_its_pictures():
    filter_ = Complementarity(over="sample", estimator="propositions", min_score=0.5)
    rows = [[{"propositions.score": 0.25}, {"propositions.score": 0.75}], [{}]]
    batch = batch_of(
        [sample(str(n), media=[{"scores": s} for s in row]) for n, row in enumerate(rows)]
    )
    found = filter_.build()(batch)["complementarity"]
    np.testing.assert_array_equal(found, np.array([0.5, np.nan], np.float32))
    assert filter_.limits()[0].keeps(found).tolist() == [True, True]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"estimator": "judge"}, r"'judge', it must be one of \['residual'"),
        ({"stray_cosine": 0.35}, "stray_cosine 0.35 must be below told_cosine"),
        ({"told_cosine": 1.5}, "1.5, both in"),
    ],
)
def test_options_outside_their_range_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        Complementarity(**options)
