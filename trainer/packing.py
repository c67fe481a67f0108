"""Fill packs of a fixed length from a pool of samples, each pack with its share of patches.

`fill` draws at random and completes by best fit, a few times for each pack, and keeps the try
that wastes least and comes nearest to the pool's patches per token. So packs are full, alike in
the vision encoder's work, and not sorted by the length of what they hold.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from numba import njit

Ints = npt.NDArray[np.int64]

TRIES: Final = 24
"""Fillings tried for a pack at most."""
DRAWS: Final = 6
"""Samples drawn at random to choose the next of a pack from."""
NEAR: Final = 48
"""Samples of fitting length looked at to close a pack."""
SLACK: Final = 0.01
"""Part of a pack by which a sample that closes it may be too short."""
FULL: Final = 0.004
"""Unused part of a pack with which no further filling is tried, if patches are right, too."""
RIGHT: Final = 0.02
"""Part by which patches may be off the pool's average with which no further one is tried."""


@njit(cache=True, nogil=True)
def fill(tokens: Any, patches: Any, limit: int, leave: int, seed: int) -> Any:
    """Return int64[N], the pack of each sample, counted from 0; -1 of those left over.

    Args:
        tokens: int64[N], 1 to `limit` each; the first samples are packed first.
        patches: int64[N].
        limit: length of a pack, tokens.
        leave: tokens with which the rest of the pool is left over, for want of choice.
        seed: of the draws.
    """
    total = len(tokens)
    pack_of = np.full(total, -1, np.int64)
    ratio = patches.sum() / max(tokens.sum(), 1)
    by_length = np.argsort(tokens, kind="mergesort")
    lengths = tokens[by_length]
    rank = np.empty(total, np.int64)
    rank[by_length] = np.arange(total)
    shorter = np.arange(total + 1)  # of place i + 1: itself while its sample is there
    rest, spot = np.arange(total), np.arange(total)  # samples still there, and where in `rest`
    state = np.array([seed], np.uint64)
    picked = np.full(total, -1, np.int64)  # the try that holds a sample
    best, now = np.empty(total, np.int64), np.empty(total, np.int64)
    left, n_rest, pack, oldest, attempt = tokens.sum(), total, 0, 0, 0
    while n_rest > 0 and left > leave:
        while pack_of[oldest] >= 0:
            oldest += 1
        best_cost, n_best = np.inf, 0
        for _ in range(TRIES):
            attempt += 1
            now[0] = oldest
            picked[oldest] = attempt
            n_now, used, seen = 1, tokens[oldest], patches[oldest]
            while used < limit:
                chosen = _draw(tokens, patches, rest, n_rest, picked, attempt, limit - used,
                               used, seen, ratio, state)  # fmt: skip
                if chosen < 0:
                    chosen = _close(lengths, by_length, patches, shorter, picked, attempt,
                                    limit - used, limit, seen, ratio)  # fmt: skip
                if chosen < 0:
                    break
                picked[chosen] = attempt
                now[n_now] = chosen
                n_now += 1
                used += tokens[chosen]
                seen += patches[chosen]
            unused, off = (limit - used) / limit, _off(seen, limit, ratio)
            cost = unused + 0.5 * min(off, 1.0)
            if cost < best_cost:
                best_cost, n_best = cost, n_now
                best[:n_now] = now[:n_now]
            if unused <= FULL and off <= RIGHT:
                break
        for i in range(n_best):
            item = best[i]
            pack_of[item] = pack
            left -= tokens[item]
            shorter[rank[item] + 1] = rank[item]
            n_rest -= 1
            moved = rest[n_rest]
            rest[spot[item]] = moved
            spot[moved] = spot[item]
        pack += 1
    return pack_of


@njit(cache=True, nogil=True)
def _off(seen: int, limit: int, ratio: float) -> float:
    """Return by which part of a pack's due the patches are off; few patches matter little."""
    return abs(seen - limit * ratio) / max(limit * ratio, limit / 8)


@njit(cache=True, nogil=True)
def _draw(
    tokens: Any, patches: Any, rest: Any, n_rest: int, picked: Any, attempt: int,
    room: int, used: int, seen: int, ratio: float, state: Any,
) -> int:  # fmt: skip
    """Return the one of some random samples that fits and keeps patches closest to the ratio."""
    chosen, closest = -1, np.inf
    for _ in range(DRAWS):
        item = rest[_random(state, n_rest)]
        if tokens[item] > room or picked[item] == attempt:
            continue
        distance = abs(seen + patches[item] - ratio * (used + tokens[item]))
        if distance < closest:
            chosen, closest = item, distance
    return chosen


@njit(cache=True, nogil=True)
def _close(
    lengths: Any, by_length: Any, patches: Any, shorter: Any, picked: Any, attempt: int,
    room: int, limit: int, seen: int, ratio: float,
) -> int:  # fmt: skip
    """Return the longest sample that fits, or one nearly as long with better patches."""
    place = _longest(shorter, np.searchsorted(lengths, room, side="right"))
    chosen, closest, looked = -1, np.inf, 0
    while place > 0 and looked < NEAR:
        item = by_length[place - 1]
        if picked[item] != attempt:
            looked += 1
            unused = room - lengths[place - 1]
            if chosen >= 0 and unused > SLACK * limit:
                break
            cost = unused / limit + 0.5 * _off(seen + patches[item], limit, ratio)
            if cost < closest:
                chosen, closest = item, cost
        place = _longest(shorter, place - 1)
    return chosen


@njit(cache=True, nogil=True)
def _longest(shorter: Any, place: Any) -> Any:
    """Return the last place up to this one whose sample is there, 0 if none; halves the way."""
    while shorter[place] != place:
        shorter[place] = shorter[shorter[place]]
        place = shorter[place]
    return place


@njit(cache=True, nogil=True)
def _random(state: Any, below: int) -> Any:
    """Return a number from 0 to below - 1 (splitmix64)."""
    state[0] += np.uint64(0x9E3779B97F4A7C15)
    mixed = state[0]
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    return np.int64(mixed % np.uint64(below))
