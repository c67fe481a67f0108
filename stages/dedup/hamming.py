"""64-bit hashes within a Hamming distance of each other: candidates, pairs, and who leads them."""

from __future__ import annotations

from itertools import combinations, pairwise
from typing import Any, Final, cast

import numpy as np
import numpy.typing as npt
from numba import njit

from stages.dedup.shingles import mix
from stages.elements import Ints

Keys = npt.NDArray[np.uint64]

BITS: Final = 64
MAX_RADIUS: Final = 10
EQUAL_BANDS: Final = 2

_ONES: Final = np.uint64(0x5555555555555555)
_PAIRS: Final = np.uint64(0x3333333333333333)
_NIBBLES: Final = np.uint64(0x0F0F0F0F0F0F0F0F)
_BYTES: Final = np.uint64(0x0101010101010101)


def band_masks(radius: int) -> Keys:
    """Return uint64[K], bits of which two hashes within the radius share all in at least one.

    The bits are cut into radius + 2 bands. Within the radius at least two of them are equal, so
    K = (radius + 2)(radius + 1) / 2 pairs of bands find every pair of hashes, and find few others:
    at radius 4 by 20 to 22 bits.
    """
    bands = radius + EQUAL_BANDS
    edges = [round(band * BITS / bands) for band in range(bands + 1)]
    masks = [(1 << b) - (1 << a) for a, b in pairwise(edges)]
    chosen = [sum(pair) for pair in combinations(masks, EQUAL_BANDS)]
    return np.array(chosen, np.uint64)


def band_keys(hashes: Keys, radius: int) -> Keys:
    """Return uint64[N, K], a key per hash and mask; equal where the bits of the mask are."""
    masks = band_masks(radius)
    keys: Keys = mix((hashes[:, None] & masks) ^ mix(masks))
    return keys


def distances(a: Keys, b: Keys) -> Ints:
    """Return int64[N], in how many bits two hashes differ."""
    return cast(Ints, np.bitwise_count(a ^ b).astype(np.int64))


def linked(group: Ints, hashes: Keys, radius: int) -> tuple[Ints, Ints]:
    """Return pairs of places that link all hashes of a group that lie within the radius.

    Not all pairs: as few as join what the pairs of one group join, directly or over others.

    Args:
        group: int64[S], ascending.
        hashes: uint64[S].
        radius: most bits in which two differ.
    """
    order = np.lexsort((hashes, group))  # stable: equal hashes stay in order
    ordered, which = hashes[order], group[order]
    equal = np.r_[False, (ordered[1:] == ordered[:-1]) & (which[1:] == which[:-1])][: len(group)]
    first = np.flatnonzero(~equal)
    stands = first[np.cumsum(~equal) - 1]
    left, right = np.empty(len(first), np.int64), np.empty(len(first), np.int64)
    root = np.arange(len(first))
    count = _link(which[first], ordered[first], radius, root, left, right)
    a = np.r_[stands[equal], first[left[:count]]]
    b = np.r_[np.flatnonzero(equal), first[right[:count]]]
    return order[a], order[b]


@njit(cache=True, nogil=True, inline="always")
def _count(bits: Any) -> Any:
    """Return the number of ones in a uint64."""
    bits = bits - ((bits >> np.uint64(1)) & _ONES)
    bits = (bits & _PAIRS) + ((bits >> np.uint64(2)) & _PAIRS)
    bits = (bits + (bits >> np.uint64(4))) & _NIBBLES
    return np.int64((bits * _BYTES) >> np.uint64(56))


@njit(cache=True, nogil=True, inline="always")
def _root(root: Any, node: Any) -> Any:
    while root[node] != node:
        root[node] = root[root[node]]
        node = root[node]
    return node


@njit(cache=True, nogil=True)
def _link(group: Any, hashes: Any, radius: int, root: Any, left: Any, right: Any) -> int:
    """Fill `left` and `right` with a spanning forest of the pairs; return how many there are."""
    count = 0
    for i in range(len(group)):
        for j in range(i + 1, len(group)):
            if group[j] != group[i]:
                break
            if _count(hashes[i] ^ hashes[j]) <= radius:
                a, b = _root(root, i), _root(root, j)
                if a != b:
                    root[max(a, b)] = min(a, b)
                    left[count], right[count] = i, j
                    count += 1
    return count


@njit(cache=True, nogil=True)
def led_by(group: Any, hashes: Any, radius: int, leader: Any) -> None:
    """Fill `leader` (int64[S]) with who leads each place of a group.

    A place follows the first leader of its group within the radius, or else leads itself.

    Args:
        group: int64[S], ascending.
        hashes: uint64[S], in each group in the order in which they may lead.
        radius: most bits in which a follower differs from its leader.
        leader: what is filled.
    """
    leaders = np.empty(len(group), np.int64)
    count = 0
    for i in range(len(group)):
        if i == 0 or group[i] != group[i - 1]:
            count = 0
        leader[i] = i
        for k in range(count):
            if _count(hashes[i] ^ hashes[leaders[k]]) <= radius:
                leader[i] = leaders[k]
                break
        if leader[i] == i:
            leaders[count] = i
            count += 1
