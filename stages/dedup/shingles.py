"""Shingles: 32-bit hashes of the runs of words in texts, by a kernel over Arrow's text buffer.

A text is lower-cased as `str.lower` does it and cut into words as `str.split` does it; a
character of a script written without spaces (Chinese, Japanese, Thai, ...) is a word of its own.
Every run of `ngram` words is a shingle; a text of fewer words is one shingle of all of them.

Source: Broder 1997, "On the resemblance and containment of documents".
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from numba import njit

Words = npt.NDArray[np.uint32]
Offsets = npt.NDArray[np.int64]

UNSPACED: Final = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x3040, 0x30FF),  # Hiragana, Katakana
    (0x3400, 0x4DBF),  # Han, extension A
    (0x4E00, 0x9FFF),  # Han
    (0xF900, 0xFAFF),  # Han, compatibility
    (0x20000, 0x3FFFF),  # Han, further extensions
)
"""First and last code point of the scripts in which each character counts as a word."""

_SPACE: Final = -1
_SIGMA: Final = -2  # lower-cased by its neighbours; such texts are lower-cased beforehand
_DOTTED_I: Final = -3  # the one character that becomes two
_ALONE: Final = 1 << 24  # flag beside the code point: a word of its own
_LAST: Final = 0x10FFFF
_CASED_BELOW: Final = 0x20000  # no character from here on has a case or is a space

BASIS: Final = np.uint64(0xCBF29CE484222325)
LETTER: Final = np.uint64(0x9E3779B97F4A7C15)
_WORD: Final = np.uint64(0xD6E8FEB86659FD93)
_MIX_1: Final = np.uint64(0xFF51AFD7ED558CCD)
_MIX_2: Final = np.uint64(0xC4CEB9FE1A85EC53)
_MASK: Final = (1 << 64) - 1


@dataclass(frozen=True, kw_only=True)
class Shingles:
    """The shingle hashes of N texts.

    Attributes:
        offsets: int64[N + 1], where each text's hashes begin.
        hashes: uint32[S], in reading order, repeats included.
    """

    offsets: Offsets
    hashes: Words


def shingle_hash(shingle: bytes) -> int:
    """Return the 32-bit hash of a shingle: lower-case words in UTF-8, one space between them.

    This is the definition in plain Python, usable as `hashfunc` of `datasketch.MinHash`; the
    kernels compute the same number from running sums.
    """
    total = 0
    for word in shingle.decode().split(" "):
        value = int(BASIS)
        for letter in word:
            value = ((value ^ ord(letter)) * int(LETTER)) & _MASK
        total = (total * int(_WORD) + value) & _MASK
    return _mix_python(total) >> 32


def _mix_python(value: int) -> int:
    value = ((value ^ (value >> 33)) * int(_MIX_1)) & _MASK
    value = ((value ^ (value >> 33)) * int(_MIX_2)) & _MASK
    return value ^ (value >> 33)


def shingles(texts: pa.Array | pa.ChunkedArray, *, ngram: int = 5) -> Shingles:
    """Hash the shingles of texts (string or large_string; null counts as empty)."""
    chunks = texts.chunks if isinstance(texts, pa.ChunkedArray) else [texts]
    parts = [_shingles_of_chunk(chunk, ngram) for chunk in chunks]
    counts = [np.diff(part.offsets) for part in parts]
    hashes = [part.hashes for part in parts]
    return Shingles(
        offsets=np.cumsum(np.concatenate([np.zeros(1, np.int64), *counts])),
        hashes=np.concatenate([np.empty(0, np.uint32), *hashes]),
    )


def _shingles_of_chunk(texts: pa.Array, ngram: int) -> Shingles:
    data, offsets = _buffers(texts.fill_null(""))
    hashes = np.empty(int((offsets[-1] - offsets[0]) // 2) + len(texts), np.uint32)
    ends = np.zeros(len(texts) + 1, np.int64)
    words = np.empty(int(np.diff(offsets).max(initial=0)) // 2 + 1, np.uint64)
    how = (_letters(), ngram, _power(ngram))
    at = _hash_texts(data, offsets, *how, words, hashes, ends, 0)
    while at < len(texts):  # stopped by a capital sigma
        text = np.frombuffer(texts[at].as_py().lower().encode(), np.uint8)
        count = _hash_text(text, 0, len(text), *how, words, hashes[ends[at] :])
        ends[at + 1] = ends[at] + count
        at = _hash_texts(data, offsets, *how, words, hashes, ends, at + 1)
    return Shingles(offsets=ends, hashes=hashes[: ends[-1]])


def _buffers(texts: pa.Array) -> tuple[npt.NDArray[np.uint8], Offsets]:
    """Return the bytes of the texts and int64[N + 1] offsets into them."""
    wide = texts.cast(pa.large_string())
    _, offsets, data = wide.buffers()
    if len(wide) == 0 or data is None or data.size == 0:
        return np.zeros(1, np.uint8), np.zeros(len(wide) + 1, np.int64)
    starts = np.frombuffer(offsets, np.int64)[wide.offset : wide.offset + len(wide) + 1]
    return np.frombuffer(data, np.uint8), starts


def _power(ngram: int) -> np.uint64:
    return np.uint64(pow(int(_WORD), ngram, 1 << 64))


@cache
def _letters() -> npt.NDArray[np.int32]:
    """Return int32[0x110000]: what each code point becomes, or one of the marks above."""
    table = np.arange(_LAST + 1, dtype=np.int32)
    for code in range(_CASED_BELOW):
        character = chr(code)
        lowered = character.lower()
        if character.isspace():
            table[code] = _SPACE
        elif len(lowered) == 1:
            table[code] = ord(lowered)
    for first, last in UNSPACED:
        table[first : last + 1] |= _ALONE
    table[ord("Σ")] = _SIGMA
    table[ord("İ")] = _DOTTED_I
    return table


def mix(value: Any) -> Any:
    """Return uint64 hashes with every bit of a value spread over all (MurmurHash3's end)."""
    value = (value ^ (value >> np.uint64(33))) * _MIX_1
    value = (value ^ (value >> np.uint64(33))) * _MIX_2
    return value ^ (value >> np.uint64(33))


_mix = njit(cache=True, nogil=True)(mix)


@njit(cache=True, nogil=True)
def _decode(data: Any, at: int) -> Any:
    """Return the code point of a multi-byte character and how many bytes it takes."""
    first = np.int64(data[at])
    size = 2 if first < 0xE0 else (3 if first < 0xF0 else 4)
    code = first & (0x7F >> size)
    for place in range(at + 1, min(at + size, len(data))):
        code = (code << 6) | (np.int64(data[place]) & 0x3F)
    return min(code, _LAST), size


@njit(cache=True, nogil=True)
def _hash_words(data: Any, start: int, stop: int, letters: Any, words: Any) -> int:
    """Write the hash of each word into `words`; return their number, -1 at a capital sigma."""
    count = 0
    inside = False
    value = BASIS
    at = start
    while at < stop:
        if data[at] < 128:
            code = np.int64(letters[data[at]])
            at += 1
        else:
            point, size = _decode(data, at)
            code = np.int64(letters[point])
            at += size
        if 0 <= code < _ALONE:
            value = (value ^ np.uint64(code)) * LETTER
            inside = True
            continue
        if code == _SIGMA:
            return -1
        if code == _DOTTED_I:
            value = (value ^ np.uint64(0x69)) * LETTER
            value = (value ^ np.uint64(0x307)) * LETTER
            inside = True
            continue
        if inside:
            words[count] = value
            count += 1
            value = BASIS
            inside = False
        if code >= _ALONE:
            words[count] = (BASIS ^ np.uint64(code - _ALONE)) * LETTER
            count += 1
    if inside:
        words[count] = value
        count += 1
    return count


@njit(cache=True, nogil=True)
def _hash_runs(words: Any, count: int, ngram: int, power: Any, out: Any) -> int:
    """Write the hash of each run of `ngram` words into `out`; return their number."""
    if count == 0:
        return 0
    total = np.uint64(0)
    for i in range(min(ngram, count)):
        total = total * _WORD + words[i]
    out[0] = np.uint32(_mix(total) >> np.uint64(32))
    for i in range(ngram, count):
        total = total * _WORD + words[i] - words[i - ngram] * power
        out[i - ngram + 1] = np.uint32(_mix(total) >> np.uint64(32))
    return max(count - ngram + 1, 1)


@njit(cache=True, nogil=True)
def _hash_text(
    data: Any, start: int, stop: int, letters: Any, ngram: int, power: Any, words: Any, out: Any
) -> int:
    """Write the shingle hashes of one text into `out`; return their number, -1 at a sigma."""
    count = _hash_words(data, start, stop, letters, words)
    return _hash_runs(words, count, ngram, power, out) if count >= 0 else -1


@njit(cache=True, nogil=True)
def _hash_texts(
    data: Any,
    offsets: Any,
    letters: Any,
    ngram: int,
    power: Any,
    words: Any,
    hashes: Any,
    ends: Any,
    first: int,
) -> int:
    """Fill `hashes` and `ends` (int64[N + 1]) from text `first` on; return where it stopped."""
    for i in range(first, len(offsets) - 1):
        start, stop = offsets[i], offsets[i + 1]
        count = _hash_text(data, start, stop, letters, ngram, power, words, hashes[ends[i] :])
        if count < 0:
            return i
        ends[i + 1] = ends[i] + count
    return len(offsets) - 1
