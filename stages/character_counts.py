"""Count the characters of given classes, and marks beside words, in lines of UTF-8 bytes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

from stages.elements import Ints
from stages.token_kernels import DIGIT, LETTER, MARK
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


def count_marks(
    data: npt.NDArray[np.uint8], lines: npt.NDArray[np.void], marks: str
) -> tuple[Ints, Ints]:
    """Return int64[L] each: how many of the marks a line holds, and how many runs of letters.

    A run consists of letters, digits, their accents, "_" and straight apostrophes.

    Args:
        data: uint8[B], UTF-8 as Arrow holds it, so valid.
        lines: record[L] with `start` and `end`.
        marks: none of them part of a run.
    """
    table = class_table() & np.uint16(LETTER | DIGIT | MARK)
    table[[ord("_"), ord("'")]] = 1
    wanted = np.zeros(len(table), np.bool_)
    wanted[[ord(mark) for mark in marks]] = True
    found: tuple[Ints, Ints] = _count_marks(data, lines, table, wanted)
    return found


@njit(cache=True, nogil=True)
def _count_marks(data, lines, table, wanted):  # type: ignore[no-untyped-def]
    marks, runs = np.zeros(len(lines), np.int64), np.zeros(len(lines), np.int64)
    for number in range(len(lines)):
        at, end = np.int64(lines[number].start), np.int64(lines[number].end)
        inside = False
        while at < end:
            first = data[at]
            behind = (first >= 0xC0) + (first >= 0xE0) + (first >= 0xF0)
            code = np.int64(first & (0x3F >> behind)) if behind > 0 else np.int64(first)
            for offset in range(1, behind + 1):
                code = (code << 6) | np.int64(data[at + offset] & 0x3F)
            at += behind + 1
            if code >= len(table):
                inside = False
                continue
            runs[number] += table[code] != 0 and not inside
            inside = table[code] != 0
            marks[number] += wanted[code]
    return marks, runs
