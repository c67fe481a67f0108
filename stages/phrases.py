"""Find fixed phrases in lines of UTF-8 bytes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

from stages.elements import Mask


def find_phrases(
    data: npt.NDArray[np.uint8], lines: npt.NDArray[np.void], phrases: tuple[str, ...]
) -> Mask:
    """Return bool[L]: whether a line holds any of the phrases, in whatever ASCII case.

    Args:
        data: uint8[B].
        lines: record[L] with `start` and `end`.
        phrases: in lower case, none of them empty.
    """
    encoded = [phrase.encode() for phrase in phrases]
    offsets = np.cumsum([0, *map(len, encoded)])
    needles = np.frombuffer(b"".join(encoded), np.uint8)
    begins = np.zeros(256, np.bool_)  # bytes that a phrase can begin with
    for phrase in encoded:
        begins[list(phrase[:1] + phrase[:1].upper())] = True
    found: Mask = _search(data, lines, begins, needles, offsets)
    return found


@njit(cache=True, nogil=True)
def _search(data, lines, begins, needles, offsets):  # type: ignore[no-untyped-def]
    found = np.zeros(len(lines), np.bool_)
    for number in range(len(lines)):
        for at in range(lines[number].start, lines[number].end):
            if begins[data[at]] and _matches(data, at, lines[number].end, needles, offsets):
                found[number] = True
                break
    return found


@njit(cache=True, nogil=True)
def _matches(data, at, end, needles, offsets):  # type: ignore[no-untyped-def]
    """Return whether one of the phrases stands at a byte."""
    for phrase in range(len(offsets) - 1):
        length = offsets[phrase + 1] - offsets[phrase]
        if at + length > end:
            continue
        matched = 0
        while matched < length:
            byte = data[at + matched]
            if 65 <= byte <= 90:  # A to Z
                byte += 32
            if byte != needles[offsets[phrase] + matched]:
                break
            matched += 1
        if matched == length:
            return True
    return False
