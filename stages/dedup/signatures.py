"""MinHash signatures of shingled texts, and the keys of their bands.

`signatures` equals `datasketch.MinHash(num_perm, seed, scheme="affine32",
hashfunc=shingle_hash)` fed the same shingles, bit for bit.

Source: Broder 1997, "On the resemblance and containment of documents"; datasketch 2, scheme
`affine32` (permutations); Leskovec et al., "Mining of Massive Datasets", section 3.4 (bands).
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final, cast

import numpy as np
import numpy.typing as npt
from numba import njit

from stages.dedup.shingles import BASIS, LETTER, Shingles, Words, mix
from stages.elements import Ints

Keys = npt.NDArray[np.uint64]

_EMPTY: Final = np.uint32(0xFFFFFFFF)


@cache
def _permutations(num_perm: int, seed: int) -> tuple[Words, Words]:
    """Return odd factors and summands, uint32[num_perm] each, drawn as datasketch draws them."""
    draw = np.random.RandomState(seed)  # its import takes longer than many a task
    a = draw.randint(0, 1 << 31, num_perm, np.uint32) * np.uint32(2) + np.uint32(1)
    return a, draw.randint(0, 1 << 32, num_perm, np.uint32)


def signatures(found: Shingles, *, num_perm: int = 128, seed: int = 1) -> Words:
    """Return uint32[N, num_perm], the MinHash of each text; all ones where it has no words."""
    a, b = _permutations(num_perm, seed)
    out = np.full((len(found.offsets) - 1, num_perm), _EMPTY, np.uint32)
    _minima(found.hashes, found.offsets, a, b, out)
    return out


@njit(cache=True, nogil=True)
def _premix(value: Any) -> Any:
    value = np.uint32((value ^ (value >> np.uint32(16))) * np.uint32(0x85EBCA6B))
    value = np.uint32((value ^ (value >> np.uint32(13))) * np.uint32(0xC2B2AE35))
    return value ^ (value >> np.uint32(16))


@njit(cache=True, nogil=True)
def _minima(hashes: Any, offsets: Any, a: Any, b: Any, out: Any) -> None:
    for i in range(len(offsets) - 1):
        low = out[i]
        start, stop = offsets[i], offsets[i + 1]
        for at in range(start, stop, 4):  # four hashes a pass; the last one may be met twice
            h0 = _premix(hashes[at])
            h1 = _premix(hashes[min(at + 1, stop - 1)])
            h2 = _premix(hashes[min(at + 2, stop - 1)])
            h3 = _premix(hashes[min(at + 3, stop - 1)])
            for j in range(len(a)):
                v0 = np.uint32(a[j] * h0 + b[j])
                v1 = np.uint32(a[j] * h1 + b[j])
                v2 = np.uint32(a[j] * h2 + b[j])
                v3 = np.uint32(a[j] * h3 + b[j])
                low[j] = min(low[j], min(min(v0, v1), min(v2, v3)))


def band_keys(values: Words, *, bands: int, rows: int) -> Keys:
    """Return uint64[N, bands]: equal where two signatures agree in all `rows` of that band."""
    banded = values[:, : bands * rows].reshape(len(values), bands, rows).astype(np.uint64)
    keys = np.tile(BASIS + np.arange(bands, dtype=np.uint64), (len(values), 1))
    for place in range(rows):
        keys = (keys ^ banded[:, :, place]) * LETTER
    mixed: Keys = mix(keys)
    return mixed


def bucket_of_key(keys: Keys, buckets: int) -> Ints:
    """Return int64[N], the bucket of each key; bucket b holds the b-th part of the key space."""
    return cast(
        Ints, ((keys >> np.uint64(32)) * np.uint64(buckets) >> np.uint64(32)).astype(np.int64)
    )
