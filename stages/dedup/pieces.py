"""Lines and paragraphs of texts with a hash of what they say, by a kernel over Arrow's buffer.

A line lies between newlines, a paragraph between blank lines; white space around either does not
belong to it. The hash is that of its characters in lower case (where that is one character),
runs of white space as one space and, if asked, runs of digits as one zero. It has 64 bits: among
10^9 different pieces the chance that any two share one is 3 %.

Source: Wenzek et al. 2020, arXiv:1911.00359, section 3.1 (CCNet: lower case, digits as zeros).
"""

from __future__ import annotations

from typing import Any, Final, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from numba import njit

from stages.elements import Floats, Ints, Parts
from stages.stage import DECISIONS
from stages.tokens import utf8_of
from stages.unicode_classes import class_table, lower_table

Records = npt.NDArray[np.void]
Keys = npt.NDArray[np.uint64]

PIECE: Final = np.dtype(
    [
        ("text", np.int32),
        ("start", np.int32),
        ("stop", np.int32),
        ("chars", np.int32),
        ("words", np.int32),
        ("letters", np.int32),
        ("heading", np.bool_),
        ("key", np.uint64),
    ]
)
STRETCHES: Final = pa.schema(
    [*DECISIONS, pa.field("start", pa.int64()), pa.field("stop", pa.int64())]
)
"""Decisions about stretches of text parts, in bytes."""

_LETTER: Final = 1  # the bits of stages.token_kernels, written out for numba's cache
_DIGIT: Final = 2
_SPACE: Final = 32
_IDEOGRAPH: Final = 64
_NEWLINE: Final = 10
_HASH_MARK: Final = 0x23
_LEVELS: Final = 6  # of headings
_ZERO: Final = np.uint64(0x30)
_BLANK: Final = np.uint64(0x20)
_BASIS: Final = np.uint64(0xCBF29CE484222325)
_PRIME: Final = np.uint64(0x9E3779B97F4A7C15)
_MIX_1: Final = np.uint64(0xFF51AFD7ED558CCD)
_MIX_2: Final = np.uint64(0xC4CEB9FE1A85EC53)
_SHIFT: Final = np.uint64(33)


def pieces_of(texts: pa.Array, *, paragraphs: bool = False, digits: bool = False) -> Records:
    """Return the lines, or paragraphs, of texts in reading order.

    Returns:
        record[K] of dtype PIECE: number of the text, first byte in it and the byte behind the
        last, characters, words (an ideograph is one), letters, whether it is a heading in
        Markdown ("# ..."), and the hash.

    Args:
        texts: string[T]; null reads as empty.
        paragraphs: whether to look for paragraphs.
        digits: whether runs of digits count as equal.
    """
    data, offsets = utf8_of(texts)
    newlines = int(np.count_nonzero(data[offsets[0] : offsets[-1]] == _NEWLINE))
    out = np.empty(newlines + len(texts), PIECE)
    count = _scan(data, offsets, class_table(), lower_table(), paragraphs, digits, out)
    return out[:count]


def places_of(parts: Parts, pieces: Records) -> dict[str, npt.NDArray[Any]]:
    """Return where pieces of the text parts are, and their key: columns for a projection."""
    part = np.flatnonzero(parts.is_text)[pieces["text"]]
    return {
        "row": parts.row[part],
        "element": parts.position[part],
        "start": pieces["start"].astype(np.int64),
        "stop": pieces["stop"].astype(np.int64),
        "key": pieces["key"],
    }


def bucket_of_key(rows: pa.Table, buckets: int) -> Ints:
    """Return int64[N], the bucket of each row by its `key` (uint64)."""
    return cast(Ints, (rows.column("key").to_numpy() % np.uint64(buckets)).astype(np.int64))


def grouped(keys: Keys) -> tuple[Ints, Ints]:
    """Return an order of keys that brings equal ones together, and the number of each in it.

    Returns:
        int64[N], the order, stable; int64[N], ascending, equal where keys are equal.
    """
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    new = np.r_[True, ordered[1:] != ordered[:-1]][: len(keys)]
    return order, np.cumsum(new) - 1


def stretches(rows: pa.Table, score: Floats, *, threshold: float, reason: list[str]) -> pa.Table:
    """Return decisions, schema STRETCHES, that drop the N stretches where `rows` say."""
    count = rows.num_rows
    columns = {name: rows.column(name) for name in ("unit", "row", "element", "start", "stop")}
    columns["keep"] = pa.array(np.zeros(count, np.bool_))
    columns["score"] = pa.array(score, pa.float32())
    columns["threshold"] = pa.array(np.full(count, threshold, np.float32))
    columns["reason"] = pa.array(reason, pa.string())
    return pa.table({name: columns[name] for name in STRETCHES.names}).cast(STRETCHES)


@njit(cache=True, nogil=True, inline="always")
def _decode(data: Any, at: int, end: int) -> Any:
    """Return the code point at a byte and the byte behind it; never reads past `end`."""
    first = data[at]
    if first < 0x80:
        return np.uint32(first), at + 1
    size = 2 if first < 0xE0 else 3 if first < 0xF0 else 4
    if at + size > end:
        return np.uint32(0xFFFFFF), at + 1
    code = np.uint32(first) & np.uint32(0x7F >> size)
    for offset in range(1, size):
        code = (code << np.uint32(6)) | np.uint32(data[at + offset] & 0x3F)
    return code, at + size


@njit(cache=True, nogil=True)
def _close(piece: Any, key: Any) -> None:
    key = (key ^ (key >> _SHIFT)) * _MIX_1
    key = (key ^ (key >> _SHIFT)) * _MIX_2
    piece.key = key ^ (key >> _SHIFT)


@njit(cache=True, nogil=True)
def _scan(
    data: Any, offsets: Any, classes: Any, lower: Any, paragraphs: bool, digits: bool, out: Any
) -> int:
    """Fill `out` with the pieces of all texts; return their number."""
    count = 0
    for text in range(len(offsets) - 1):
        at, end = offsets[text], offsets[text + 1]
        while at < end:
            found, at = _scan_piece(
                data, at, end, classes, lower, paragraphs, digits, out[count], offsets[text]
            )
            if found:
                out[count].text = text
                count += 1
    return count


@njit(cache=True, nogil=True)
def _scan_piece(
    data: Any,
    at: int,
    end: int,
    classes: Any,
    lower: Any,
    paragraphs: bool,
    digits: bool,
    piece: Any,
    origin: int,
) -> Any:
    """Fill `piece` with what begins at or behind a byte; return whether any does, and its end."""
    key = _BASIS
    chars = words = marks = 0
    letters: Any = 0
    piece.heading = False
    blank, breaks = True, 0  # since the last character: white space, newlines
    before: Any = 0  # class bits of the last character
    while at < end:
        begin = at
        code, at = _decode(data, at, end)
        bits = np.int64(classes[code]) if code < classes.size else np.int64(0)
        if code == _NEWLINE:
            breaks += 1
            if chars > 0 and (not paragraphs or breaks > 1):
                break
        if bits & _SPACE:
            blank = True
            continue
        if chars == 0:
            piece.start = begin - origin
        folded = np.uint64(lower[code]) if code < lower.size else np.uint64(code)
        if digits and bits & _DIGIT:
            folded = _ZERO
        if chars > 0 and blank:
            piece.heading |= chars == marks and marks <= _LEVELS
            key = (key ^ _BLANK) * _PRIME
            chars += 1
        repeats = digits and not blank and bits & _DIGIT and before & _DIGIT
        if not repeats:
            key = (key ^ folded) * _PRIME
        words += blank or (bits | before) & _IDEOGRAPH != 0
        letters += bits & _LETTER
        marks += code == _HASH_MARK and marks == chars
        chars += 1
        before, blank, breaks = bits, False, 0
        piece.stop = at - origin
    piece.chars, piece.words, piece.letters = chars, words, letters
    _close(piece, key)
    return chars > 0, at
