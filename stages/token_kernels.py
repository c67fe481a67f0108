"""The compiled pass that finds words, lines and paragraphs in UTF-8 bytes.

One call reads every byte once. `scan` walks texts, `_scan_line` lines, `_scan_word` words; each
fills the next record of its table and hands back where it stopped. All 64-bit arithmetic is on
`np.uint64`: numba turns a mixture of signed and unsigned integers into floats.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit

# Classes of characters: `stages.unicode_classes` says which characters they hold. They stand
# here because numba's cache of compiled code notices changes to this file only.
LETTER: Final = 1
DIGIT: Final = 2
MARK: Final = 4
UPPER: Final = 8
LOWER: Final = 16
SPACE: Final = 32
IDEOGRAPH: Final = 64
UNSPACED: Final = 128
TERMINAL: Final = 256
QUOTE: Final = 512
CLOSER: Final = 1024
BULLET: Final = 2048
DASH: Final = 4096

# Flags of words and lines.
HAS_LETTER: Final = 1
ALL_UPPER: Final = 2
HAS_DIGIT: Final = 4
IS_UNSPACED: Final = 8
LOWER_START: Final = 16
ENDS_TERMINAL: Final = 32
ENDS_ELLIPSIS: Final = 64
ENDS_SENTENCE: Final = 128
STARTS_BULLET: Final = 256

WORD: Final = np.dtype(
    [
        ("start", np.int32),
        ("end", np.int32),
        ("chars", np.int32),
        ("flags", np.uint16),
        ("hash_marks", np.uint8),
        ("ellipses", np.uint8),
        ("hash", np.uint64),
        ("core", np.uint64),
    ]
)
LINE: Final = np.dtype(
    [
        ("start", np.int32),
        ("end", np.int32),
        ("chars", np.int32),
        ("words", np.int32),
        ("sentences", np.int32),
        ("flags", np.uint32),
        ("hash", np.uint64),
    ]
)
PARAGRAPH: Final = np.dtype([("lines", np.int32), ("chars", np.int32), ("hash", np.uint64)])
TEXT: Final = np.dtype(
    [("words", np.int32), ("lines", np.int32), ("paragraphs", np.int32), ("chars", np.int32)]
)

_NEWLINE: Final = 10
_HASH_MARK: Final = 0x23
_FULL_STOP: Final = 0x2E
_ELLIPSIS: Final = 0x2026
_SATURATED: Final = 255  # hash_marks and ellipses of one word stop counting here

_FNV_BASIS: Final = np.uint64(0xCBF29CE484222325)
_FNV_PRIME: Final = np.uint64(0x100000001B3)
_MIX: Final = np.uint64(0x9E3779B97F4A7C15)
_SHIFT: Final = np.uint64(32)


@njit(cache=True, nogil=True, inline="always")
def _mix(hash64, value):  # type: ignore[no-untyped-def]
    """Return uint64: the hash of a sequence longer by one value; the order matters."""
    mixed = ((hash64 * _FNV_PRIME) ^ value) * _MIX
    return mixed ^ (mixed >> _SHIFT)


@njit(cache=True, nogil=True, inline="always")
def _decode(data, at, end):  # type: ignore[no-untyped-def]
    """Return the code point at a byte and the byte behind it; never reads past `end`."""
    first = data[at]
    if first < 0x80:
        return np.uint32(first), at + 1
    size = 2 if first < 0xE0 else 3 if first < 0xF0 else 4
    if at + size > end or first < 0xC0:  # not UTF-8: one character per byte, of no class
        return np.uint32(0xFFFFFF), at + 1
    code = np.uint32(first) & np.uint32(0x7F >> size)
    for offset in range(1, size):
        code = (code << np.uint32(6)) | np.uint32(data[at + offset] & 0x3F)
    return code, at + size


@njit(cache=True, nogil=True, inline="always")
def _flags(first, last, seen, chars, last_code, stops):  # type: ignore[no-untyped-def]
    """Return the flags of a word that follow from its first and last character and its union."""
    flags = HAS_LETTER * (seen & LETTER != 0) + HAS_DIGIT * (seen & DIGIT != 0)
    flags += ALL_UPPER * (seen & UPPER != 0 and seen & LOWER == 0)
    flags += IS_UNSPACED * (seen & UNSPACED != 0)
    flags += ENDS_TERMINAL * (last & (TERMINAL | QUOTE) != 0)
    flags += ENDS_ELLIPSIS * (stops >= 3 or last_code == _ELLIPSIS)
    flags += STARTS_BULLET * (first & BULLET != 0 or (chars == 1 and first & DASH != 0))
    return flags


@njit(cache=True, nogil=True)
def _scan_word(data, at, end, classes, lower, word):  # type: ignore[no-untyped-def]
    """Fill `word` from the non-space character at `at`; return the byte behind the word."""
    word.start = at
    chars = hash_marks = ellipses = stops = 0
    hash64 = running = core = _FNV_BASIS
    first = last = seen = np.int64(0)  # class bits
    last_code = np.uint32(0)
    begun = np.int64(-1)  # class of the first letter or digit
    sentence = False
    while at < end:
        code, after = _decode(data, at, end)
        bits = np.int64(classes[code]) if code < classes.size else np.int64(0)
        written = bits & (LETTER | DIGIT) != 0
        if bits & SPACE or (written and begun >= 0 and (bits | begun) & IDEOGRAPH):
            break
        hash64 = (hash64 ^ np.uint64(code)) * _FNV_PRIME
        if written and begun < 0:
            begun = bits
        if begun >= 0:
            folded = lower[code] if code < lower.size else code
            running = (running ^ np.uint64(folded)) * _FNV_PRIME
            if bits & (LETTER | DIGIT | MARK):
                core = running
        stops = stops + 1 if code == _FULL_STOP else 0
        ellipses += code == _ELLIPSIS or (stops > 0 and stops % 3 == 0)
        hash_marks += code == _HASH_MARK
        sentence = bits & TERMINAL != 0 or (sentence and bits & CLOSER != 0)
        if chars == 0:
            first = bits
        last, last_code = bits, code
        seen |= bits
        chars += 1
        at = after
    flags = _flags(first, last, seen, chars, last_code, stops)
    lower_start = begun >= 0 and begun & LOWER != 0
    word.flags = flags + LOWER_START * lower_start + ENDS_SENTENCE * sentence
    word.end, word.chars = at, chars
    word.hash_marks, word.ellipses = min(hash_marks, _SATURATED), min(ellipses, _SATURATED)
    word.hash, word.core = _mix(hash64, _MIX), _mix(core, _MIX)
    return at


@njit(cache=True, nogil=True)
def _scan_line(data, at, end, tables, words, w, line):  # type: ignore[no-untyped-def]
    """Fill words from `w` on, and `line`; return the byte behind the line, and the next `w`."""
    classes, lower = tables
    first = w
    gap = chars = sentences = 0
    hash64 = _FNV_BASIS
    while at < end and data[at] != _NEWLINE:
        code, after = _decode(data, at, end)
        if code < classes.size and classes[code] & SPACE:
            gap += 1
            at = after
            continue
        at = _scan_word(data, at, end, classes, lower, words[w])
        chars += words[w].chars + (gap if w > first else 0)
        gap = 0
        hash64 = _mix(hash64, words[w].hash)
        if w > first and words[w - 1].flags & ENDS_SENTENCE:
            sentences += words[w].flags & LOWER_START == 0
        w += 1
    line.words, line.chars, line.hash = w - first, chars, hash64
    if w > first:
        last = words[w - 1].flags
        line.start, line.end = words[first].start, words[w - 1].end
        line.sentences = sentences + (last & ENDS_SENTENCE != 0)
        line.flags = words[first].flags & STARTS_BULLET | last & (ENDS_TERMINAL | ENDS_ELLIPSIS)
    return at, w


@njit(cache=True, nogil=True)
def scan(data, offsets, tables, words, lines, paragraphs, texts):  # type: ignore[no-untyped-def]
    """Fill the four tables, which are long enough; return how many records each now has.

    Args:
        data: uint8[B], UTF-8.
        offsets: int32[T + 1], where each text begins in `data`.
        tables: class bits uint16[C] and lower case uint32[C] of each code point.
        words: record[W'] of dtype WORD.
        lines: record[L'] of dtype LINE.
        paragraphs: record[L'] of dtype PARAGRAPH.
        texts: record[T] of dtype TEXT.
    """
    w = n = p = 0
    for t in range(len(texts)):
        at, end = np.int64(offsets[t]), np.int64(offsets[t + 1])
        before = w, n, p
        chars = 0
        blank = True  # nothing, or an empty line, stands before the next line
        while at < end:
            at, w_after = _scan_line(data, at, end, tables, words, w, lines[n])
            at += 1  # the newline
            if w_after == w:
                blank = True
                continue
            if blank:
                paragraphs[p].lines, paragraphs[p].chars = 0, 0
                paragraphs[p].hash = _FNV_BASIS
                p += 1
            blank = False
            paragraphs[p - 1].lines += 1
            paragraphs[p - 1].chars += lines[n].chars
            paragraphs[p - 1].hash = _mix(paragraphs[p - 1].hash, lines[n].hash)
            chars += lines[n].chars
            w, n = w_after, n + 1
        texts[t].words, texts[t].lines = w - before[0], n - before[1]
        texts[t].paragraphs, texts[t].chars = p - before[2], chars
    return w, n, p
