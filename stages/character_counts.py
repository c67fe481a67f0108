"""Count the characters of given classes in lines of UTF-8 bytes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

from stages.elements import Ints
from stages.unicode_classes import class_table


def count_characters(
    data: npt.NDArray[np.uint8], lines: npt.NDArray[np.void], classes: tuple[int, ...]
) -> Ints:
    """Return int64[K, L]: how many characters of a line bear any bit of each class mask.

    Args:
        data: uint8[B], UTF-8 as Arrow holds it, so valid.
        lines: record[L] with `start` and `end`.
        classes: K unions of bits of `stages.unicode_classes`.
    """
    masks = np.array(classes, np.uint16)
    counts: Ints = _count(data, lines, masks, class_table())
    return counts


@njit(cache=True, nogil=True)
def _count(data, lines, masks, table):  # type: ignore[no-untyped-def]
    counts = np.zeros((len(masks), len(lines)), np.int64)
    for number in range(len(lines)):
        at, end = np.int64(lines[number].start), np.int64(lines[number].end)
        while at < end:
            first = data[at]
            behind = (first >= 0xC0) + (first >= 0xE0) + (first >= 0xF0)
            code = np.int64(first & (0x3F >> behind)) if behind > 0 else np.int64(first)
            for offset in range(1, behind + 1):
                code = (code << 6) | np.int64(data[at + offset] & 0x3F)
            at += behind + 1
            if code < len(table):  # characters beyond the table have no class
                for mask in range(len(masks)):
                    counts[mask, number] += table[code] & masks[mask] != 0
    return counts
