"""Measurements in the `scores` of media, as arrays: of each medium, or the mean of each row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stages.elements import Floats, MediaList
from stages.record import SCORES

_ENTRIES = pa.list_(
    pa.struct([pa.field("key", pa.string(), nullable=False), pa.field("value", SCORES.item_type)])
)


def media_scores(media: MediaList, name: str) -> Floats:
    """Return float32[M], the score of that name of each medium, the latest; NaN without one."""
    maps = media.column("scores").cast(_ENTRIES)  # a map cannot be flattened, a list can
    entries = maps.flatten()
    chosen = pc.equal(entries.field("key"), name)
    found = np.full(len(media), np.nan, np.float32)
    owner = pc.list_parent_indices(maps).filter(chosen).to_numpy()
    values = entries.field("value").filter(chosen)
    found[owner] = values.to_numpy(zero_copy_only=False)
    return found


def mean_scores(media: MediaList, weights: Mapping[str, float]) -> Floats:
    """Return float32[M], the mean of those scores that a medium has; NaN where it has none.

    Args:
        media: M media.
        weights: of the scores, by their names.
    """
    values = np.stack([media_scores(media, name) for name in weights])
    weight = np.where(np.isnan(values), 0, np.array(list(weights.values()))[:, None])
    with np.errstate(invalid="ignore"):
        total = (weight * np.nan_to_num(values)).sum(axis=0)
        return cast(Floats, (total / weight.sum(axis=0)).astype(np.float32))


def sample_means(media: MediaList, values: Floats, rows: int) -> Floats:
    """Return float32[N], the mean over the media of each row; NaN where none has a value.

    Args:
        media: M media of N rows.
        values: float32[M], NaN for media without a value.
        rows: N.
    """
    judged = ~np.isnan(values)
    row = media.row[judged]
    count = np.bincount(row, minlength=rows)
    total = np.bincount(row, weights=values[judged], minlength=rows)
    with np.errstate(invalid="ignore"):
        return (total / count).astype(np.float32)
