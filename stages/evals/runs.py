"""Runs of words: their hashes, and where a text has runs that another has.

Words are compared in lower case without the marks around them; marks alone are no words.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from numba import njit

from stages.elements import Ints, Mask
from stages.token_kernels import HAS_DIGIT, HAS_LETTER
from stages.tokens import Tokens, tokenize

Keys = npt.NDArray[np.uint64]

ALL: Final = np.ones(1, np.bool_)
"""A table of hashes in which every hash is."""

_BASE: Final = np.uint64(0x9E3779B97F4A7C15)
_MIX_1: Final = np.uint64(0xFF51AFD7ED558CCD)
_MIX_2: Final = np.uint64(0xC4CEB9FE1A85EC53)
_SHIFT: Final = np.uint64(33)


def written_words(tokens: Tokens, over: str) -> tuple[Keys, Ints, Ints]:
    """Return the words of each sample or text part that have a letter or digit.

    Returns:
        uint64[W], their hashes; int64[S + 1], where those of each segment begin; int64[W], which
        of the tokens' words each is.
    """
    written = tokens.has("words", HAS_LETTER | HAS_DIGIT)
    before = np.r_[0, np.cumsum(written)]
    offsets = before[tokens.offsets("words", over)]
    return tokens.words["core"][written], offsets, np.flatnonzero(written)


def words_of(texts: list[str]) -> tuple[Keys, Ints]:
    """Return the hashes of the words of texts, and where those of each begin (int64[T + 1])."""
    tokens = tokenize(pa.array(texts, pa.string()), row=np.arange(len(texts)), rows=len(texts))
    return written_words(tokens, "sample")[:2]


def runs(words: Keys, offsets: Ints, size: int, table: Mask = ALL) -> tuple[Keys, Ints]:
    """Return the hash of every run of `size` words within a segment, and its segment.

    Args:
        words: uint64[W], hashes of words.
        offsets: int64[S + 1], segment s has the words offsets[s] to offsets[s + 1].
        size: words of a run; runs of different sizes have different hashes.
        table: bool[2**k]; a run is left out if the table is false at the last k bits of its hash.

    Returns:
        uint64[R]; int64[R], ascending.
    """
    count = int(np.maximum(np.diff(offsets) - size + 1, 0).sum())
    keys, segment = np.empty(count, np.uint64), np.empty(count, np.int64)
    power = np.uint64(pow(int(_BASE), size, 1 << 64))
    found = _fill(np.ascontiguousarray(words), offsets, size, power, table, keys, segment)
    return keys[:found].copy(), segment[:found].copy()


@njit(cache=True, nogil=True)
def _fill(
    words: Any, offsets: Any, size: int, power: Any, table: Any, keys: Any, segment: Any
) -> int:
    """Fill `keys` and `segment`; return how many runs there are."""
    mask = np.uint64(len(table) - 1)
    salt = np.uint64(size) * _MIX_2
    count = 0
    for number in range(len(offsets) - 1):
        first = offsets[number]
        total = np.uint64(0)
        for i in range(first, offsets[number + 1]):
            total = total * _BASE + words[i]
            if i - size >= first:
                total -= words[i - size] * power
            if i - size + 1 < first:
                continue
            value = total ^ salt
            value = (value ^ (value >> _SHIFT)) * _MIX_1
            value = (value ^ (value >> _SHIFT)) * _MIX_2
            value ^= value >> _SHIFT
            if table[value & mask]:
                keys[count] = value
                segment[count] = number
                count += 1
    return count


def shared_stretches(text: str, other: str, ngram: int) -> list[tuple[int, int]]:
    """Return where a text has runs of `ngram` words, or all words, of another one.

    Returns:
        First character and the one behind the last of each stretch, in order, apart.

    >>> shared_stretches("So: The Wheel TURNS. Then", "the wheel turns", 13)
    [(4, 20)]
    """
    known, ends = words_of([other])
    tokens = tokenize(pa.array([text], pa.string()), row=np.zeros(1, np.int64), rows=1)
    words, offsets, which = written_words(tokens, "sample")
    size = min(ngram, len(known))
    if size == 0:
        return []
    # of every word: is a run that begins here shared?
    shared = np.isin(runs(words, offsets, size)[0], runs(known, ends, size)[0])
    covered = np.zeros(len(words) + 1, np.int64)
    np.add.at(covered, np.flatnonzero(shared), 1)
    np.add.at(covered, np.flatnonzero(shared) + size, -1)
    inside = np.r_[False, np.cumsum(covered[:-1]) > 0, False]
    first = np.flatnonzero(inside[1:] & ~inside[:-1])
    last = np.flatnonzero(~inside[1:] & inside[:-1]) - 1
    data = text.encode()
    spans = zip(tokens.words["start"][which[first]], tokens.words["end"][which[last]], strict=True)
    return [(len(data[:start].decode()), len(data[:stop].decode())) for start, stop in spans]
