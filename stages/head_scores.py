"""What a head says of the pictures of a batch, by the embeddings that stand in the rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from stages.elements import Floats
from stages.embeddings import media_embeddings
from stages.stage import Batch

EMBEDDING: Final = "clip"


def head_scores(batch: Batch, head: Callable[[Floats], Floats]) -> Floats:
    """Return float32[M], the score of each medium; NaN where it has no embedding.

    Args:
        batch: with the column `embedding.clip`.
        head: float32[N, D] to float32[N].

    Raises:
        RecordError: when the column is missing.
        NotReadyError: when the head is made for embeddings of another width.
    """
    vectors = media_embeddings(batch.table, EMBEDDING)
    there = np.flatnonzero(np.isfinite(vectors).any(axis=1))
    found = np.full(len(vectors), np.nan, np.float32)
    if len(there):
        found[there] = head(vectors[there])
    return found
