"""Repetition inside a segment: repeated lines, and n-grams of words by how often they occur.

Everything is counted by 64-bit hashes in open-addressed tables that are stamped rather than
cleared, so one allocation serves all segments of a batch.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from numba import njit

from stages.elements import Ints, Mask

TOP_SIZES: Final = (2, 3, 4)
"""n of the n-grams of which the most frequent one counts."""
REPEAT_SIZES: Final = (5, 6, 7, 8, 9, 10)
"""n of the n-grams of which every repeat counts."""

_MULTIPLIER: Final = np.uint64(0x100000001B3)
_MIX: Final = np.uint64(0x9E3779B97F4A7C15)


def seen_before(hashes: npt.NDArray[np.uint64], offsets: Ints) -> Mask:
    """Return bool[L], true where an equal hash stands earlier in the same segment.

    Args:
        hashes: uint64[L].
        offsets: int64[S + 1], segment s is `hashes[offsets[s]:offsets[s + 1]]`.
    """
    seen: Mask = _seen_before(hashes, offsets, *_table(offsets))
    return seen


def ngram_chars(words: npt.NDArray[np.void], offsets: Ints) -> tuple[Ints, Ints]:
    """Return the characters inside frequent and inside repeated n-grams of each segment.

    An (n + 1)-gram can only occur twice where its first n words do, so each n looks only at the
    places that the last one found repeated: long n-grams are nearly free in ordinary text.

    Args:
        words: record[W] with `hash` and `chars`.
        offsets: int64[S + 1] into the words.

    Returns:
        int64[S, 3]: characters of the words covered by the most frequent n-gram, for n in
        TOP_SIZES; among equally frequent ones the one that covers most; 0 if none occurs twice.
        int64[S, 6]: characters of the words covered by any second or later occurrence of an
        n-gram, for n in REPEAT_SIZES. Both count a word once however many n-grams cover it.
    """
    segments = len(offsets) - 1
    top = np.zeros((segments, len(TOP_SIZES)), np.int64)
    repeated = np.zeros((segments, len(REPEAT_SIZES)), np.int64)
    _ngram_chars(words["hash"], words["chars"], offsets, top, repeated, *_table(offsets))
    return top, repeated


def _table(offsets: Ints) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]:
    """Return keys and stamps of a table at most half full with the longest segment."""
    longest = int(np.diff(offsets).max(initial=1))
    size = 1 << (2 * longest - 1).bit_length()
    return np.empty(size, np.uint64), np.full(size, -1, np.int64)


@njit(cache=True, nogil=True, inline="always")
def _lengthened(gram, word):  # type: ignore[no-untyped-def]
    """Return uint64, the hash of an n-gram with one more word; the order of words matters."""
    mixed = ((gram * _MULTIPLIER) ^ word) * _MIX
    return mixed ^ (mixed >> np.uint64(32))


@njit(cache=True, nogil=True, inline="always")
def _slot(key, keys, stamps, stamp):  # type: ignore[no-untyped-def]
    """Return the place of a key, or the free place where it belongs."""
    last = np.uint64(len(keys) - 1)
    slot = key & last
    while stamps[slot] == stamp and keys[slot] != key:
        slot = (slot + np.uint64(1)) & last
    return slot


@njit(cache=True, nogil=True)
def _seen_before(hashes, offsets, keys, stamps):  # type: ignore[no-untyped-def]
    seen = np.zeros(len(hashes), np.bool_)
    for segment in range(len(offsets) - 1):
        for at in range(offsets[segment], offsets[segment + 1]):
            slot = _slot(hashes[at], keys, stamps, segment)
            seen[at] = stamps[slot] == segment
            keys[slot], stamps[slot] = hashes[at], segment
    return seen


@njit(cache=True, nogil=True)
def _ngram_chars(hashes, chars, offsets, top, repeated, keys, stamps):  # type: ignore[no-untyped-def]
    size = len(keys)
    # of the n-grams under study: first word, hash, place in the table
    grams = np.empty(size, np.int64), np.empty(size, np.uint64), np.empty(size, np.int64)
    # per place in the table: occurrences, first word not yet covered, characters covered
    entries = np.empty(size, np.int64), np.empty(size, np.int64), np.empty(size, np.int64)
    stamp = 0
    for segment in range(len(offsets) - 1):
        begin, end = offsets[segment], offsets[segment + 1]
        found = end - begin
        for at in range(found):
            grams[0][at], grams[1][at] = begin + at, hashes[begin + at]
        for n in range(2, 11):
            stamp += 1
            found = _lengthen(n, end, found, grams, entries, hashes, keys, stamps, stamp)
            if found == 0:
                break
            if n < 5:
                top[segment, n - 2] = _top_chars(n, found, grams, entries, chars)
            else:
                repeated[segment, n - 5] = _repeated_chars(n, found, grams, entries, chars)


@njit(cache=True, nogil=True)
def _lengthen(n, end, found, grams, entries, hashes, keys, stamps, stamp):  # type: ignore[no-untyped-def]
    """Lengthen the n-grams under study to n words; keep, and count, those that occur twice."""
    first, gram, slots = grams
    counts, uncovered, covered = entries
    longer = 0
    for at in range(found):
        if first[at] + n > end:
            continue
        key = _lengthened(gram[at], hashes[first[at] + n - 1])
        slot = np.int64(_slot(key, keys, stamps, stamp))
        if stamps[slot] != stamp:
            keys[slot], stamps[slot] = key, stamp
            counts[slot], uncovered[slot], covered[slot] = 0, -1, 0
        counts[slot] += 1
        first[longer], gram[longer], slots[longer] = first[at], key, slot
        longer += 1
    kept = 0
    for at in range(longer):
        if counts[slots[at]] > 1:
            first[kept], gram[kept], slots[kept] = first[at], gram[at], slots[at]
            kept += 1
    return kept


@njit(cache=True, nogil=True)
def _top_chars(n, found, grams, entries, chars):  # type: ignore[no-untyped-def]
    """Return the most characters that one of the most frequent n-grams covers."""
    first, _, slots = grams
    counts, uncovered, covered = entries
    highest = most = 0
    for at in range(found):
        highest = max(highest, counts[slots[at]])
    for at in range(found):
        slot = slots[at]
        if counts[slot] == highest:
            for word in range(max(first[at], uncovered[slot]), first[at] + n):
                covered[slot] += chars[word]
            uncovered[slot] = first[at] + n
            most = max(most, covered[slot])
    return most


@njit(cache=True, nogil=True)
def _repeated_chars(n, found, grams, entries, chars):  # type: ignore[no-untyped-def]
    """Return the characters covered by all occurrences but the first of each n-gram."""
    first, _, slots = grams
    _, uncovered, _ = entries
    repeated = until = 0
    for at in range(found):
        if uncovered[slots[at]] < 0:  # its first occurrence
            uncovered[slots[at]] = first[at]
            continue
        for word in range(max(first[at], until), first[at] + n):
            repeated += chars[word]
        until = first[at] + n
    return repeated
