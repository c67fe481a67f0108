"""Which members of a group of candidates resemble each other, in time linear in its size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from stages.elements import Floats, Ints, Mask

MAX_LEADERS: Final = 16
"""Members of one group that are compared with all the others; bounds giant groups."""

Similarity = Callable[[Ints, Ints], Floats]


def link_groups(
    group: Ints, node: Ints, similarity: Similarity, threshold: float
) -> tuple[Ints, Ints, Floats]:
    """Return the edges (left, right, similarity >= threshold) found inside groups.

    In each round the first member of a group that is not linked yet leads: it is compared
    with all others that have not led. So a group of duplicates costs one comparison per
    member, and one of strangers no more than MAX_LEADERS.

    Args:
        group: int64[S], ascending.
        node: int64[S], the member; within a group ascending and distinct.
        similarity: gives float32[P] of pairs of nodes.
        threshold: smallest similarity of an edge.
    """
    alone = np.ones(len(group), np.bool_)
    led = np.zeros(len(group), np.bool_)
    leader = np.full(int(group.max(initial=-1)) + 1, -1)
    edges: list[tuple[Ints, Ints, Floats]] = []
    for _ in range(MAX_LEADERS):
        lone = np.flatnonzero(alone)
        groups, first = np.unique(group[lone], return_index=True)
        leader[:] = -1
        leader[groups] = lone[first]
        alone[lone[first]] = False
        led[lone[first]] = True
        slots = np.flatnonzero(~led & (leader[group] >= 0))
        if len(slots) == 0:
            break
        left, right, score, match = _compare(
            node[leader[group[slots]]], node[slots], similarity, threshold
        )
        alone[slots[match]] = False
        edges.append((left, right, score))
    if not edges:
        none = np.empty(0, np.int64)
        return none, none, np.empty(0, np.float32)
    left, right, score = (np.concatenate(column) for column in zip(*edges, strict=True))
    return left, right, score


def _compare(
    left: Ints, right: Ints, similarity: Similarity, threshold: float
) -> tuple[Ints, Ints, Floats, Mask]:
    """Compare pairs, each distinct one once; return the distinct edges and bool[P], who is one."""
    low, high = np.minimum(left, right), np.maximum(left, right)
    pairs, which = np.unique((low << 32) | high, return_inverse=True)
    low, high = pairs >> 32, pairs & 0xFFFFFFFF
    score = similarity(low, high)
    similar = score >= np.float32(threshold)
    return low[similar], high[similar], score[similar], similar[which]
