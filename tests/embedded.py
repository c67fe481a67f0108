"""Batches whose pictures have embeddings, and a head that reads its score off a vector."""

from collections.abc import Sequence

import numpy as np

from stages.elements import Floats
from stages.embeddings import with_embeddings
from stages.engines.heads import Head
from stages.stage import Batch
from tests.fakes import batch_of, sample


def head(width: int = 2, *, is_probability: bool = False) -> Head:
    """Return a head whose score is the first coordinate."""
    weight = np.zeros((width, 1), np.float32)
    weight[0] = 1
    return Head(
        name="test",
        mean=np.zeros(width, np.float32),
        std=np.ones(width, np.float32),
        layers=((weight, np.zeros(1, np.float32)),),
        is_probability=is_probability,
    )


def embedded(*rows: Sequence[float | None]) -> Batch:
    """Return a row of pictures for each sequence; a number is an embedding's first coordinate."""
    names = [[f"{r}-{m}" for m in range(len(row))] for r, row in enumerate(rows)]
    batch = batch_of([sample(str(r), media=row) for r, row in enumerate(names)])
    vectors: dict[str, Floats] = {
        name: np.array([value, 0], np.float32)
        for row, values in zip(names, rows, strict=True)
        for name, value in zip(row, values, strict=True)
        if value is not None
    }
    return batch.with_table(with_embeddings(batch.table, "clip", vectors))
