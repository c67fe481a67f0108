"""Count repeated n-grams of words and of characters in segments, in compiled code.

N-grams are told apart by 64-bit hashes, in an open-addressed table that is stamped rather than
cleared, so one allocation serves all segments of a batch.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from numba import njit

from stages.elements import Ints

_MULTIPLIER: Final = np.uint64(0x100000001B3)
_MIX: Final = np.uint64(0x9E3779B97F4A7C15)
_SHIFT: Final = np.uint64(32)
_NEWLINE: Final = np.uint64(10)


def repeated_words(hashes: npt.NDArray[np.uint64], offsets: Ints, words: int) -> tuple[Ints, Ints]:
    """Return how many n-grams of words occur more than once, each as often as it does; and all.

    Args:
        hashes: uint64[W], equal for equal words.
        offsets: int64[S + 1], segment s is `hashes[offsets[s]:offsets[s + 1]]`.
        words: n.

    Returns:
        int64[S] and int64[S].
    """
    repeated = np.zeros(len(offsets) - 1, np.int64)
    _repeated_words(hashes, offsets, words, repeated, *_table(np.diff(offsets)))
    return repeated, np.maximum(np.diff(offsets) - words + 1, 0)


def frequent_characters(
    data: npt.NDArray[np.uint8], lines: npt.NDArray[np.void], offsets: Ints, characters: int
) -> tuple[Ints, Ints]:
    """Return how often the most frequent n-grams of characters occur, and all n-grams.

    The most frequent are the first sqrt(d) of the d different ones, rounded down, and of those
    only n-grams that occur more than once. The text of a segment is its lines with a newline
    between them.

    Args:
        data: uint8[B], UTF-8.
        lines: record[L] with `start`, `end` and `chars`.
        offsets: int64[S + 1], segment s is `lines[offsets[s]:offsets[s + 1]]`.
        characters: n.

    Returns:
        int64[S] and int64[S].
    """
    chars = np.zeros(len(lines) + 1, np.int64)
    np.cumsum(lines["chars"] + 1, out=chars[1:])
    length = np.maximum(np.diff(chars[offsets]) - 1, 0)
    frequent = np.zeros(len(length), np.int64)
    places = lines["start"].astype(np.int64), lines["end"].astype(np.int64)
    codes = np.empty(int(length.max(initial=0)) + 1, np.uint64)
    tables = _table(length)
    _frequent_characters(data, places, offsets, characters, frequent, codes, *tables)
    return frequent, np.maximum(length - characters + 1, 0)


def _table(lengths: Ints) -> tuple[npt.NDArray[np.uint64], Ints, Ints, Ints]:
    """Return keys, stamps and counts of a table at most half full, and room for used slots."""
    longest = int(lengths.max(initial=1)) + 1
    size = 1 << (2 * longest - 1).bit_length()
    return (
        np.empty(size, np.uint64),
        np.full(size, -1, np.int64),
        np.empty(size, np.int64),
        np.empty(longest, np.int64),
    )


@njit(cache=True, nogil=True, inline="always")
def _slot(key, keys, stamps, stamp):  # type: ignore[no-untyped-def]
    """Return the place of a key, or the free place where it belongs."""
    last = np.uint64(len(keys) - 1)
    slot = key & last
    while stamps[slot] == stamp and keys[slot] != key:
        slot = (slot + np.uint64(1)) & last
    return slot


@njit(cache=True, nogil=True, inline="always")
def _add(key, found, keys, stamps, counts, slots, stamp):  # type: ignore[no-untyped-def]
    """Count a key; return how many different ones there are now."""
    slot = _slot(key, keys, stamps, stamp)
    if stamps[slot] != stamp:
        keys[slot], stamps[slot], counts[slot] = key, stamp, 0
        slots[found] = slot
        found += 1
    counts[slot] += 1
    return found


@njit(cache=True, nogil=True)
def _repeated_words(hashes, offsets, n, repeated, keys, stamps, counts, slots):  # type: ignore[no-untyped-def]
    for segment in range(len(offsets) - 1):
        found = 0
        for at in range(offsets[segment], offsets[segment + 1] - n + 1):
            key = np.uint64(0)
            for word in range(at, at + n):
                key = ((key * _MULTIPLIER) ^ hashes[word]) * _MIX
                key ^= key >> _SHIFT
            found = _add(key, found, keys, stamps, counts, slots, segment)
        for each in range(found):
            if counts[slots[each]] > 1:
                repeated[segment] += counts[slots[each]]


@njit(cache=True, nogil=True)
def _decode(data, starts, ends, first, last, codes):  # type: ignore[no-untyped-def]
    """Write the characters of lines with newlines between them; return how many they are."""
    count = 0
    for line in range(first, last):
        if line > first:
            codes[count] = _NEWLINE
            count += 1
        at = starts[line]
        while at < ends[line]:
            byte = data[at]
            behind = (byte >= 0xC0) + (byte >= 0xE0) + (byte >= 0xF0)
            code = np.uint64(byte & (0x3F >> behind)) if behind > 0 else np.uint64(byte)
            for offset in range(1, behind + 1):
                code = (code << np.uint64(6)) | np.uint64(data[at + offset] & 0x3F)
            at += behind + 1
            codes[count] = code
            count += 1
    return count


@njit(cache=True, nogil=True)
def _frequent_characters(data, places, offsets, n, frequent, codes, keys, stamps, counts, slots):  # type: ignore[no-untyped-def]
    highest = np.uint64(1)  # the weight of the character that leaves the window
    for _ in range(n):
        highest *= _MULTIPLIER
    for segment in range(len(offsets) - 1):
        first, last = offsets[segment], offsets[segment + 1]
        length = _decode(data, places[0], places[1], first, last, codes)
        found = 0
        rolling = np.uint64(0)
        for at in range(length):
            rolling = rolling * _MULTIPLIER + codes[at]
            if at >= n:
                rolling -= highest * codes[at - n]
            if at >= n - 1:
                key = rolling * _MIX
                key ^= key >> _SHIFT
                found = _add(key, found, keys, stamps, counts, slots, segment)
        more = 0
        for each in range(found):
            if counts[slots[each]] > 1:
                slots[more] = counts[slots[each]]  # that slot is done with
                more += 1
        spared = max(0, more - np.int64(np.sqrt(found)))
        frequent[segment] = np.sort(slots[:more])[spared:].sum()
