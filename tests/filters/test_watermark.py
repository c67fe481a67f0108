"""Watermark."""

import numpy as np
import pytest

from filters.watermark import Watermark
from stages.engines.watermark import WatermarkHead
from stages.errors import MissingWeightsError, NotReadyError, RecordError
from tests.embedded import embedded, head
from tests.fakes import batch_of, sample
from tests.stored_pictures import kept


@pytest.fixture
def reads_off(monkeypatch):
    """Let the head give what the first coordinate of an embedding says."""
    monkeypatch.setattr(WatermarkHead, "load", lambda self: head())


@pytest.mark.usefixtures("reads_off")
def test_the_score_is_what_the_head_says_and_without_an_embedding_there_is_none():
    scores = Watermark().build()(embedded([0.5, None], [], [2.0]))["watermark"]
    assert scores.dtype == np.float32
    np.testing.assert_array_equal(scores, np.float32([0.5, np.nan, 2.0]))


@pytest.mark.usefixtures("reads_off")
def test_pictures_above_the_bound_go():
    batch = embedded([0.75, 0.5, 0.25, None])
    assert kept(Watermark(max_probability=0.5), batch) == [False, True, True, True]


def test_missing_weights_are_named():
    with pytest.raises(MissingWeightsError, match=r"none\.safetensors"):
        Watermark(head=WatermarkHead(weights="none.safetensors")).check()


@pytest.mark.usefixtures("reads_off")
def test_rows_without_embeddings_are_a_fault():
    with pytest.raises(RecordError, match=r"no column embedding\.clip; put the stage"):
        Watermark().build()(batch_of([sample("page")]))


def test_a_head_for_another_width_is_refused_with_both_widths(monkeypatch):
    monkeypatch.setattr(WatermarkHead, "load", lambda self: head(width=3))
    with pytest.raises(NotReadyError, match=r"width 3, these are of width 2"):
        Watermark().build()(embedded([0.5]))
