"""Aesthetic."""

import numpy as np
import pytest

from filters.aesthetic import Aesthetic
from stages.engines.aesthetic import AestheticHead
from stages.errors import MissingWeightsError, NotReadyError, RecordError
from tests.embedded import embedded, head
from tests.fakes import batch_of, sample
from tests.stored_pictures import kept


@pytest.fixture
def reads_off(monkeypatch):
    """Let the head give what the first coordinate of an embedding says."""
    monkeypatch.setattr(AestheticHead, "load", lambda self: head())


@pytest.mark.usefixtures("reads_off")
def test_the_score_is_what_the_head_says_and_without_an_embedding_there_is_none():
    scores = Aesthetic().build()(embedded([0.5, None], [], [2.0]))["aesthetic"]
    assert scores.dtype == np.float32
    np.testing.assert_array_equal(scores, np.float32([0.5, np.nan, 2.0]))


@pytest.mark.usefixtures("reads_off")
def test_pictures_rated_below_the_bound_go():
    batch = embedded([3.5, 3.75, 4.0, None])
    assert kept(Aesthetic(min_score=3.75), batch) == [False, True, True, True]


def test_missing_weights_are_named():
    with pytest.raises(MissingWeightsError, match=r"none\.safetensors"):
        Aesthetic(head=AestheticHead(weights="none.safetensors")).check()


@pytest.mark.usefixtures("reads_off")
def test_rows_without_embeddings_are_a_fault():
    with pytest.raises(RecordError, match=r"no column embedding\.clip; put the stage"):
        Aesthetic().build()(batch_of([sample("page")]))


def test_a_head_for_another_width_is_refused_with_both_widths(monkeypatch):
    monkeypatch.setattr(AestheticHead, "load", lambda self: head(width=3))
    with pytest.raises(NotReadyError, match=r"width 3, these are of width 2"):
        Aesthetic().build()(embedded([0.5]))
