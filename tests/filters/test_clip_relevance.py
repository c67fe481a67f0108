import numpy as np
import pytest

from filters.clip_relevance import ClipRelevance
from tests.fakes import batch_of, sample


def _batch(*documents):
    """Documents of pictures, each given by its scores."""
    return batch_of(
        [sample(str(n), "x", media=[{"scores": s} for s in d]) for n, d in enumerate(documents)]
    )


def test_keeps_pictures_at_or_above_min_score_and_those_not_measured():
    batch = _batch([{"clip.best": 0.125}, {"clip.best": 0.25}], [{}])
    filter_ = ClipRelevance(min_score=0.25)
    scores = filter_.build()(batch)
    np.testing.assert_array_equal(scores["relevance"], np.array([0.125, 0.25, np.nan], np.float32))
    assert scores["relevance"].dtype == np.float32
    assert filter_.limits()[0].keeps(scores["relevance"]).tolist() == [False, True, True]


@pytest.mark.parametrize("measure", ["mean", "best", "near", "document"])
def test_reads_the_measure_it_is_told_to(measure):
    batch = _batch([{"clip.best": 0.75, "clip.near": 0.5, "clip.document": 0.25}])
    expected = {"mean": 0.6, "best": 0.75, "near": 0.5, "document": 0.25}[measure]
    assert ClipRelevance(measure=measure).build()(batch)["relevance"] == pytest.approx([expected])


def test_the_mean_is_of_what_was_measured():
    batch = _batch([{"clip.best": 0.75, "clip.document": 0.25}, {}])
    found = ClipRelevance(measure="mean").build()(batch)["relevance"]
    np.testing.assert_array_equal(found, np.array([0.625, np.nan], np.float32))


def test_a_document_is_judged_by_the_mean_of_its_measured_pictures():
    batch = _batch([{"clip.best": 0.25}, {"clip.best": 0.75}, {}], [{}], [])
    found = ClipRelevance(over="sample").build()(batch)["relevance"]
    np.testing.assert_array_equal(found, np.array([0.5, np.nan, np.nan], np.float32))


@pytest.mark.parametrize(
    ("options", "message"),
    [({"min_score": 28}, r"\[0, 1\], got 28"), ({"measure": "all"}, "must be 'mean' or of")],
)
def test_options_outside_their_range_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        ClipRelevance(**options)
