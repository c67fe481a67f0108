"""Who of some vectors stays when each may stand for those within a cosine of it."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numba import njit

from stages.dedup.centroids import Halves, cosines
from stages.elements import Floats, Ints, Mask

BLOCK: Final = 1024
"""Vectors that are compared with as many others at a time: 8 MB of cosines."""


def led(vectors: Halves, order: Ints, threshold: float) -> tuple[Ints, Ints, Floats]:
    """Return who is dropped, for whom, and their cosine.

    One after the other, in the order given, a vector is dropped if its cosine with one that was
    kept before reaches the threshold, and is kept otherwise.

    Args:
        vectors: float16[N, D].
        order: int64[M], places in `vectors`, in the order in which they may stay.
        threshold: smallest cosine of two that are alike.

    Returns:
        int64[K], places in `order` of the dropped, ascending; int64[K], places in `order` of the
        first kept one that each is like; float32[K].
    """
    leader = np.full(len(order), -1, np.int64)
    score = np.zeros(len(order), np.float32)
    limit = np.float32(threshold)
    kept = np.empty(0, np.int64)
    for start in range(0, len(order), BLOCK):
        block = np.arange(start, min(start + BLOCK, len(order)))
        for first in range(0, len(kept), BLOCK):
            leaders, open_ = kept[first : first + BLOCK], block[leader[block] < 0]
            found = cosines(vectors[order[open_]], vectors[order[leaders]])
            _follow(found >= limit, found, open_, leaders, leader, score)
        open_ = block[leader[block] < 0]
        found = cosines(vectors[order[open_]], vectors[order[open_]])
        _lead(found, limit, open_, leader, score)
        kept = np.r_[kept, open_[leader[open_] < 0]]
    dropped = np.flatnonzero(leader >= 0)
    return dropped, leader[dropped], score[dropped]


def _follow(
    alike: Mask, found: Floats, members: Ints, leaders: Ints, leader: Ints, score: Floats
) -> None:
    """Write down, of members that are like a leader, the first they are like."""
    hit = alike.any(axis=1)
    first = alike.argmax(axis=1)
    leader[members[hit]] = leaders[first[hit]]
    score[members[hit]] = found[hit, first[hit]]


@njit(cache=True, nogil=True)
def _lead(found: Any, limit: Any, members: Any, leader: Any, score: Any) -> None:
    """Go through a block whose members may lead each other."""
    for i in range(len(members)):
        if leader[members[i]] >= 0:
            continue
        for j in range(i + 1, len(members)):
            if leader[members[j]] < 0 and found[i, j] >= limit:
                leader[members[j]] = members[i]
                score[members[j]] = found[i, j]
