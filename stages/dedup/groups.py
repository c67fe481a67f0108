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


def link_giant(
    members: Ints, load: Callable[[Ints], Similarity], threshold: float, size: int
) -> tuple[Ints, Ints, Floats]:
    """Return the edges, as nodes, that `link_groups` would find in a group of any size.

    The group is taken in chunks, and the leaders found so far go along with each; a second
    pass compares those found late with the members before them.

    Args:
        members: int64[M], ascending nodes.
        load: gives the similarity of pairs of indices into some nodes.
        threshold: smallest similarity of an edge.
        size: members of a chunk.
    """
    edges: list[tuple[Ints, Ints, Floats]] = []
    leaders = np.empty(0, np.int64)
    ends = [0]
    for start in range(0, len(members), size):
        chunk = members[start : start + size]
        nodes = np.concatenate([leaders, chunk])
        found, links = _lead(len(leaders), len(nodes), load(nodes), threshold)
        edges += [(nodes[left], nodes[right], score) for left, right, score in links]
        leaders = np.concatenate([leaders, nodes[found]])
        ends.append(len(leaders))
    for number, start in enumerate(range(0, len(members), size)):
        late = leaders[ends[number + 1] :]
        if len(late) == 0:
            break
        chunk = np.setdiff1d(members[start : start + size], leaders)
        nodes = np.concatenate([chunk, late])
        similarity = load(nodes)
        for leader in range(len(chunk), len(nodes)):
            left, right, score = _led_by(leader, np.arange(len(chunk)), similarity, threshold)
            edges.append((nodes[left], nodes[right], score))
    left, right, score = (np.concatenate(column) for column in zip(*edges, strict=True))
    return left, right, score


def _lead(
    led: int, count: int, similarity: Similarity, threshold: float
) -> tuple[list[int], list[tuple[Ints, Ints, Floats]]]:
    """Compare the first `led` of `count` nodes with the others, then lead on among those."""
    others = np.ones(count, np.bool_)
    others[:led] = False
    alone = others.copy()
    found: list[int] = []
    links = []
    for number in range(MAX_LEADERS):
        leader = number
        if number >= led:
            lone = np.flatnonzero(alone)
            if len(lone) == 0:
                break
            leader = int(lone[0])
            found.append(leader)
            alone[leader] = others[leader] = False
        links.append(_led_by(leader, np.flatnonzero(others), similarity, threshold))
        alone[links[-1][1]] = False
    return found, links


def _led_by(
    leader: int, others: Ints, similarity: Similarity, threshold: float
) -> tuple[Ints, Ints, Floats]:
    left = np.full(len(others), leader)
    score = similarity(left, others)
    similar = score >= np.float32(threshold)
    return left[similar], others[similar], score[similar]
