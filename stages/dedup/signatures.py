"""MinHash signatures, band keys and sketches of texts, by kernels over Arrow's text buffer.

A text is lower-cased as `str.lower` does it and cut into words as `str.split` does it; a
character of a script written without spaces (Chinese, Japanese, Thai, ...) is a word of its own.
Every run of `ngram` words is a shingle; a text of fewer words is one shingle of all of them.

`signatures` equals `datasketch.MinHash(num_perm, seed, scheme="affine32",
hashfunc=shingle_hash)` fed the same shingles, bit for bit.

Source: Broder 1997, "On the resemblance and containment of documents" (shingles, sketches);
datasketch 2, scheme `affine32` (permutations); Leskovec et al., "Mining of Massive Datasets",
section 3.4 (bands); Cohen and Kaplan 2007, doi:10.1145/1281100.1281133 (bottom-k sketches).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any, Final, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from datasketch import MinHash
from numba import njit

Words = npt.NDArray[np.uint32]
Keys = npt.NDArray[np.uint64]
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

_BASIS: Final = np.uint64(0xCBF29CE484222325)
_LETTER: Final = np.uint64(0x9E3779B97F4A7C15)
_WORD: Final = np.uint64(0xD6E8FEB86659FD93)
_MIX_1: Final = np.uint64(0xFF51AFD7ED558CCD)
_MIX_2: Final = np.uint64(0xC4CEB9FE1A85EC53)
_EMPTY: Final = np.uint32(0xFFFFFFFF)
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
        value = int(_BASIS)
        for letter in word:
            value = ((value ^ ord(letter)) * int(_LETTER)) & _MASK
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
    longest = int(np.diff(offsets).max(initial=0))
    buffer = np.empty(longest // 2 + 1, np.uint64)
    bad = _hash_texts(data, offsets, _letters(), ngram, _power(ngram), buffer, hashes, ends)
    if bad:
        lowered = [(text or "").lower() for text in texts.to_pylist()]
        return _shingles_of_chunk(pa.array(lowered, pa.large_string()), ngram)
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


@njit(cache=True, nogil=True)
def _mix(value: Any) -> Any:
    value = (value ^ (value >> np.uint64(33))) * _MIX_1
    value = (value ^ (value >> np.uint64(33))) * _MIX_2
    return value ^ (value >> np.uint64(33))


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
    value = _BASIS
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
            value = (value ^ np.uint64(code)) * _LETTER
            inside = True
            continue
        if code == _SIGMA:
            return -1
        if code == _DOTTED_I:
            value = (value ^ np.uint64(0x69)) * _LETTER
            value = (value ^ np.uint64(0x307)) * _LETTER
            inside = True
            continue
        if inside:
            words[count] = value
            count += 1
            value = _BASIS
            inside = False
        if code >= _ALONE:
            words[count] = (_BASIS ^ np.uint64(code - _ALONE)) * _LETTER
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
def _hash_texts(
    data: Any,
    offsets: Any,
    letters: Any,
    ngram: int,
    power: Any,
    words: Any,
    hashes: Any,
    ends: Any,
) -> bool:
    """Fill `hashes` and `ends` (int64[N + 1]); return whether a text has a capital sigma."""
    for i in range(len(offsets) - 1):
        count = _hash_words(data, offsets[i], offsets[i + 1], letters, words)
        if count < 0:
            return True
        ends[i + 1] = ends[i] + _hash_runs(words, count, ngram, power, hashes[ends[i] :])
    return False


@cache
def _permutations(num_perm: int, seed: int) -> tuple[Words, Words]:
    a, b = MinHash(num_perm=num_perm, seed=seed, scheme="affine32").permutations
    return a.astype(np.uint32), b.astype(np.uint32)


def signatures(found: Shingles, *, num_perm: int = 128, seed: int = 1) -> Words:
    """Return uint32[N, num_perm], the MinHash of each text; all ones where it has no words."""
    a, b = _permutations(num_perm, seed)
    out = np.full((len(found.offsets) - 1, num_perm), _EMPTY, np.uint32)
    _minima(found.hashes, found.offsets, a, b, out)
    return out


@njit(cache=True, nogil=True)
def _fmix(value: Any) -> Any:
    value = np.uint32((value ^ (value >> np.uint32(16))) * np.uint32(0x85EBCA6B))
    value = np.uint32((value ^ (value >> np.uint32(13))) * np.uint32(0xC2B2AE35))
    return value ^ (value >> np.uint32(16))


@njit(cache=True, nogil=True)
def _minima(hashes: Any, offsets: Any, a: Any, b: Any, out: Any) -> None:
    for i in range(len(offsets) - 1):
        low = out[i]
        start, stop = offsets[i], offsets[i + 1]
        for at in range(start, stop, 4):  # four hashes a pass; the last one may be met twice
            h0 = _fmix(hashes[at])
            h1 = _fmix(hashes[min(at + 1, stop - 1)])
            h2 = _fmix(hashes[min(at + 2, stop - 1)])
            h3 = _fmix(hashes[min(at + 3, stop - 1)])
            for j in range(len(a)):
                v0 = np.uint32(a[j] * h0 + b[j])
                v1 = np.uint32(a[j] * h1 + b[j])
                v2 = np.uint32(a[j] * h2 + b[j])
                v3 = np.uint32(a[j] * h3 + b[j])
                low[j] = min(low[j], min(min(v0, v1), min(v2, v3)))


def band_keys(values: Words, *, bands: int, rows: int) -> Keys:
    """Return uint64[N, bands]: equal where two signatures agree in all `rows` of that band."""
    out = np.empty((len(values), bands), np.uint64)
    _band_keys(values, rows, out)
    return out


@njit(cache=True, nogil=True)
def _band_keys(values: Any, rows: int, out: Any) -> None:
    for i in range(out.shape[0]):
        for band in range(out.shape[1]):
            key = _BASIS + np.uint64(band)
            for j in range(band * rows, (band + 1) * rows):
                key = (key ^ np.uint64(values[i, j])) * _LETTER
            out[i, band] = _mix(key)


def sketches(found: Shingles, *, size: int) -> Shingles:
    """Return the `size` smallest distinct hashes of each text, ascending.

    A text of fewer distinct shingles is kept whole.
    """
    ordered = found.hashes.copy()
    edges = found.offsets.tolist()
    for start, stop in pairwise(edges):
        ordered[start:stop].sort()  # NumPy sorts by SIMD, six times as fast as the kernel would
    ends = np.zeros(len(found.offsets), np.int64)
    _keep_smallest(ordered, found.offsets, size, ends)
    return Shingles(offsets=ends, hashes=ordered[: ends[-1]].copy())


@njit(cache=True, nogil=True)
def _keep_smallest(ordered: Any, offsets: Any, size: int, ends: Any) -> None:
    """Move the first `size` distinct values of each ascending run to the front, in place."""
    for i in range(len(offsets) - 1):
        at = ends[i]
        limit = at + size
        for j in range(offsets[i], offsets[i + 1]):
            value = ordered[j]
            if at < limit and (at == ends[i] or value != ordered[at - 1]):
                ordered[at] = value
                at += 1
        ends[i + 1] = at


def jaccards(
    found: Shingles, left: Offsets, right: Offsets, *, size: int
) -> npt.NDArray[np.float32]:
    """Return float32[P], the Jaccard similarity of pairs of texts given by their sketches.

    Exact where both texts have fewer than `size` distinct shingles, else estimated from the
    `size` smallest of their union (standard deviation at most 0.5 / sqrt(size)).
    """
    out = np.empty(len(left), np.float32)
    _jaccards(found.hashes, found.offsets, left, right, size, out)
    return cast(npt.NDArray[np.float32], out)


@njit(cache=True, nogil=True)
def _jaccards(hashes: Any, offsets: Any, left: Any, right: Any, size: int, out: Any) -> None:
    for k in range(len(left)):
        i, i_end = offsets[left[k]], offsets[left[k] + 1]
        j, j_end = offsets[right[k]], offsets[right[k] + 1]
        whole = i_end - i < size and j_end - j < size
        rest = (i_end - i) + (j_end - j) if whole else size
        common = union = 0
        while i < i_end and j < j_end and union < rest:
            a, b = hashes[i], hashes[j]
            i += a <= b
            j += b <= a
            common += a == b
            union += 1
        union = min(rest, union + (i_end - i) + (j_end - j))
        out[k] = common / union if union else 0.0
