"""Windows of words, shipped in runs that share a minimizer.

Every window of `length` words is hashed, and so is every run of `inner` words inside it. The
run with the smallest hash, the first of equal ones, is the window's minimizer: it hangs on the
window's own words alone, so equal windows have equal minimizers at equal places. Neighbouring
windows mostly share theirs; such a run of windows travels as one record, to the bucket of its
minimizer, and there meets every window of the corpus that equals one of its own.

Source: Roberts et al. 2004, doi:10.1093/bioinformatics/bth408 (minimizers); Schleimer et al.
2003, doi:10.1145/872757.872770 (winnowing); Li et al. 2013, "Memory Efficient Minimum Substring
Partitioning" (records of neighbouring windows by minimizer).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from numba import njit

from stages.elements import Ints

Keys = npt.NDArray[np.uint64]
Records = npt.NDArray[np.void]

RUN: Final = np.dtype(
    [
        ("text", np.int64),
        ("word", np.int64),
        ("at", np.int64),
        ("count", np.int64),
        ("key", np.uint64),
    ]
)

_BASE: Final = np.uint64(0x9E3779B97F4A7C15)
_MIX_1: Final = np.uint64(0xFF51AFD7ED558CCD)
_MIX_2: Final = np.uint64(0xC4CEB9FE1A85EC53)
_SHIFT: Final = np.uint64(33)
_ZERO: Final = np.uint64(0)


@dataclass(frozen=True, kw_only=True)
class Windows:
    """The windows of N texts.

    Attributes:
        runs: record[R] of dtype RUN, in reading order: the text, the first word of the first
            window, where in that window the minimizer begins, how many windows, and the hash of
            the minimizer.
        hashes: uint64[W], of the windows of all runs, in order.
    """

    runs: Records
    hashes: Keys


def windows_of(words: Keys, offsets: Ints, *, length: int, inner: int) -> Windows:
    """Return the windows of texts.

    Args:
        words: uint64[K], a hash of each word.
        offsets: int64[N + 1], text n has the words offsets[n] to offsets[n + 1].
        length: words of a window.
        inner: words of a minimizer, at most `length`.
    """
    count = int(np.maximum(np.diff(offsets) - length + 1, 0).sum())
    runs, hashes = np.empty(count, RUN), np.empty(count, np.uint64)
    powers = [np.uint64(pow(int(_BASE), n, 1 << 64)) for n in (length, inner)]
    number = _fill(words, offsets, length, inner, powers[0], powers[1], runs, hashes)
    return Windows(runs=runs[:number].copy(), hashes=hashes)


@njit(cache=True, nogil=True)
def _mix(value: Any) -> Any:
    value = (value ^ (value >> _SHIFT)) * _MIX_1
    value = (value ^ (value >> _SHIFT)) * _MIX_2
    return value ^ (value >> _SHIFT)


@njit(cache=True, nogil=True)
def _hash_runs(words: Any, start: int, stop: int, size: int, power: Any, out: Any) -> None:
    """Write the hash of each run of `size` words of a text into `out`, from its beginning."""
    total = _ZERO
    for i in range(start, stop):
        total = total * _BASE + words[i]
        if i - size >= start:
            total -= words[i - size] * power
        if i - size + 1 >= start:
            out[i - size + 1 - start] = _mix(total)


@njit(cache=True, nogil=True)
def _smallest(values: Any, start: int, stop: int) -> int:
    """Return where the first of the smallest values is."""
    best = start
    for i in range(start + 1, stop):
        if values[i] < values[best]:
            best = i
    return best


@njit(cache=True, nogil=True)
def _fill(
    words: Any,
    offsets: Any,
    length: int,
    inner: int,
    power: Any,
    inner_power: Any,
    runs: Any,
    hashes: Any,
) -> int:
    """Fill `runs` and `hashes`; return the number of runs."""
    longest = 0
    for text in range(len(offsets) - 1):
        longest = max(longest, offsets[text + 1] - offsets[text])
    small = np.empty(longest + 1, np.uint64)
    span = length - inner + 1  # minimizers to choose from in a window
    number, filled = -1, 0
    for text in range(len(offsets) - 1):
        start, stop = offsets[text], offsets[text + 1]
        if stop - start < length:
            continue
        _hash_runs(words, start, stop, length, power, hashes[filled:])
        _hash_runs(words, start, stop, inner, inner_power, small)
        best, best_before = -1, -1
        for i in range(stop - start - length + 1):
            last = i + span - 1
            if best < i:
                best = _smallest(small, i, i + span)
            elif small[last] < small[best]:
                best = last
            if best != best_before:
                number += 1
                runs[number].text = text
                runs[number].word = i
                runs[number].at = best - i
                runs[number].count = 0
                runs[number].key = small[best]
                best_before = best
            runs[number].count += 1
        filled += stop - start - length + 1
    return number + 1
