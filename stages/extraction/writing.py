"""The compiled pass that writes the text of pieces, and measures it.

Runs of white space become one blank or line break, invisible characters go, and the five
character references that lexbor writes are resolved; the text of code stays as it is.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit

# What a segment holds. All constants stand here because numba's cache notices changes to this
# file only; the kinds of pieces are those of `gather`.
PLAIN: Final = 0
LINKED: Final = 1
LINE_BREAK: Final = 2
VERBATIM: Final = 3
VERBATIM_END: Final = 4  # of an element inside code: a new line begins, if it has not yet
TEX: Final = 5

ENDS_SENTENCE: Final = 8
"""Flag of a piece, beside those of `gather`."""

_ENDS: Final = np.array([ord(mark) for mark in ".!?…。！？”\"»’':;।؟۔)"], np.int64)
_PARAGRAPH: Final = 0
_HEADING: Final = 1
_CODE: Final = 4
_IMAGE: Final = 8
_NEWLINE: Final = 10
_BLANK: Final = 32
_DOLLAR: Final = 36
_AMPERSAND: Final = 38
_ZERO: Final = 48
_NINE: Final = 57
_SEMICOLON: Final = 59
_QUESTION_MARK: Final = 63  # for bytes that are no UTF-8


@njit(cache=True, nogil=True)
def _reference(data, at, end):  # type: ignore[no-untyped-def]
    """Read `&amp;`, `&lt;`, `&gt;`, `&quot;` or `&nbsp;`; any other `&` stands for itself."""
    stop = at + 1
    while stop < min(at + 6, end) and data[stop] != _SEMICOLON:
        stop += 1
    if stop >= end or data[stop] != _SEMICOLON:
        return np.int64(_AMPERSAND), at + 1
    first, code = data[at + 1], 0
    if first == 97:  # a
        code = _AMPERSAND
    elif first == 108:  # l
        code = 60
    elif first == 103:  # g
        code = 62
    elif first == 113:  # q
        code = 34
    elif first == 110:  # n
        code = 0xA0
    if not code:
        return np.int64(_AMPERSAND), at + 1
    return np.int64(code), stop + 1


@njit(cache=True, nogil=True)
def _read(data, at, end):  # type: ignore[no-untyped-def]
    """Return a code point and the byte behind it; never reads past `end`."""
    first = data[at]
    if first == _AMPERSAND:
        return _reference(data, at, end)
    if first < 0x80:
        return np.int64(first), at + 1
    size = 2 if first < 0xE0 else 3 if first < 0xF0 else 4
    if at + size > end:
        return np.int64(_QUESTION_MARK), end
    code = np.int64(first) & (0x7F >> size)
    for offset in range(1, size):
        code = (code << 6) | (np.int64(data[at + offset]) & 0x3F)
    return code, at + size


@njit(cache=True, nogil=True)
def _is_space(code):  # type: ignore[no-untyped-def]
    if code < 0x85:
        return code == 32 or 9 <= code <= 13 or 28 <= code <= 31
    if code == 0x85 or code == 0xA0 or code == 0x1680 or code == 0x3000:
        return True
    return 0x2000 <= code <= 0x200A or 0x2028 <= code <= 0x2029 or code == 0x202F or code == 0x205F


@njit(cache=True, nogil=True)
def _worth(code):  # type: ignore[no-untyped-def]
    """Return 3 for a Chinese, Japanese or Korean character, 0 for an invisible one, else 1."""
    if code < 0xAD:
        return 1
    if code == 0xAD or code == 0x200B or code == 0x2060 or code == 0xFEFF:
        return 0
    wide = 0x1100 <= code <= 0x11FF or 0x2E80 <= code <= 0x9FFF or 0xAC00 <= code <= 0xD7AF
    return 3 if wide or 0xF900 <= code <= 0xFAFF or 0xFF00 <= code <= 0xFFEF else 1


@njit(cache=True, nogil=True)
def _put(out, at, code):  # type: ignore[no-untyped-def]
    """Write a code point in UTF-8; return the place behind it."""
    if code < 0x80:
        out[at] = code
        return at + 1
    if code < 0x800:
        out[at], out[at + 1] = 0xC0 | code >> 6, 0x80 | code & 0x3F
        return at + 2
    if code < 0x10000:
        out[at], out[at + 1] = 0xE0 | code >> 12, 0x80 | code >> 6 & 0x3F
        out[at + 2] = 0x80 | code & 0x3F
        return at + 3
    out[at], out[at + 1] = 0xF0 | code >> 18, 0x80 | code >> 12 & 0x3F
    out[at + 2], out[at + 3] = 0x80 | code >> 6 & 0x3F, 0x80 | code & 0x3F
    return at + 4


@njit(cache=True, nogil=True)
def _write_text(data, segments, piece, out, start):  # type: ignore[no-untyped-def]
    """Write text from `start` on; return the place behind it."""
    at, pending, code = start, 0, np.int64(0)
    for s in range(piece.first, piece.last):
        p, end, what = np.int64(segments[s].at), np.int64(segments[s].end), segments[s].what
        before = piece.size
        if what == LINE_BREAK:
            pending = _NEWLINE if at > start else 0
        if what == TEX:
            at, pending = _put(out, _put(out, at, pending) if pending else at, _DOLLAR), 0
        while p < end:
            found, p = _read(data, p, end)
            if _is_space(found):
                if pending == 0 and at > start:
                    pending = _BLANK
                continue
            worth = _worth(found)
            if not worth:
                continue
            code = found
            if pending:
                at = _put(out, at, pending)
                before += piece.size == before  # a blank before a link is none of it
                piece.size += 1
                pending = 0
            at = _put(out, at, code)
            piece.size += worth
        if what == TEX:
            at = _put(out, at, _DOLLAR)
        if what == LINKED:
            piece.links += piece.size - before
    for mark in _ENDS:
        if code == mark:
            piece.flags |= ENDS_SENTENCE
    return at


@njit(cache=True, nogil=True)
def _write_code(data, segments, piece, out, start):  # type: ignore[no-untyped-def]
    """Write code from `start` on; return the place behind it, `start` if it is only numbers."""
    at, is_code = start, False
    for s in range(piece.first, piece.last):
        p, end, what = np.int64(segments[s].at), np.int64(segments[s].end), segments[s].what
        if what == LINE_BREAK or (what == VERBATIM_END and at > start and out[at - 1] != _NEWLINE):
            at = _put(out, at, _NEWLINE)
        while p < end:
            code, p = _read(data, p, end)
            if code != _NEWLINE or at > start:
                at = _put(out, at, code)
                piece.size += _worth(code)
            is_code = is_code or not (_ZERO <= code <= _NINE or _is_space(code))
    while at > start and out[at - 1] <= _BLANK:
        at -= 1
    return at if is_code else start


@njit(cache=True, nogil=True)
def _without_pilcrow(piece, out, start, at):  # type: ignore[no-untyped-def]
    """Return the end of a heading without the pilcrows that link to it."""
    while at - start >= 2 and out[at - 2] == 0xC2 and out[at - 1] == 0xB6:
        at -= 2
        piece.size -= 1
        while at > start and out[at - 1] <= _BLANK:
            at -= 1
            piece.size -= 1
    return at


@njit(cache=True, nogil=True)
def write(data, segments, pieces, out):  # type: ignore[no-untyped-def]
    """Write the text of every piece; return how many bytes were written.

    Args:
        data: uint8[B], markup in UTF-8.
        segments: record[S] of dtype SEGMENT.
        pieces: record[P] of dtype `records.PIECE`, of which at, end, size and links are set. One
            that comes out empty becomes a paragraph of size 0.
        out: uint8[B + P], UTF-8.
    """
    at = np.int64(0)  # a literal would be compiled for besides
    for i in range(len(pieces)):
        piece = pieces[i]
        start = at
        piece.size = piece.links = 0
        if piece.kind == _CODE:
            at = _write_code(data, segments, piece, out, start)
        elif piece.kind != _IMAGE:
            at = _write_text(data, segments, piece, out, start)
            if piece.kind == _HEADING:
                at = _without_pilcrow(piece, out, start, at)
        if at == start and piece.kind != _IMAGE:
            piece.kind, piece.size = _PARAGRAPH, 0
        piece.links = min(piece.links, piece.size)
        piece.at, piece.end = start, at
    return at
