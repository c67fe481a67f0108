"""Perceptual hash of a picture: 64 bits that resizing, recompression and colour hardly change.

The grey picture is averaged down to 32 x 32 and transformed (DCT-II); of the 63 lowest
frequencies beside the mean (8 x 8), each bit says whether one lies above their median. Averaging
and transform are linear, so both are one small matrix per side length.

A picture that is nearly of one colour, or varies in few frequencies only, has no hash: its bits
would tell the noise of its compression.

Source: Zauner 2010, "Implementation and Benchmarking of Perceptual Image Hash Functions",
section 3.2.1 (DCT hash); Wallace 1991 (reduced-size decoding from the same transform).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, cast

import numpy as np
import numpy.typing as npt

from stages.decode import Limits, decode_grey

BITS: Final = 64
SIDE: Final = 32
LOW: Final = 8
MEDIAN: Final = (LOW * LOW - 1) // 2
MIN_SIDE_PX: Final = 2 * SIDE
"""A JPEG is decoded at the smallest of 1/8 to 8/8 of its size that has such sides."""
MIN_CONTRAST: Final = 2.0
"""Standard deviation of the low frequencies, grey levels of 256: below it there is no hash."""
MIN_FREQUENCIES: Final = 12
"""Frequencies that must stand out for a hash to tell pictures apart."""
NOISE: Final = 0.1
"""Grey levels: what a frequency must contribute to stand out."""

Floats = npt.NDArray[np.float32]
Grey = npt.NDArray[np.uint8]


def perceptual_hash(data: bytes, limits: Limits) -> int | None:
    """Return the hash of an encoded picture; None where it cannot be decoded or has none."""
    _, grey = decode_grey(data, limits, MIN_SIDE_PX)
    return None if grey is None else hash_of(grey)


def hash_of(grey: Grey) -> int | None:
    """Return the hash of uint8[H, W], None where the picture is too flat to have one."""
    height, width = grey.shape
    found = _frequencies(height) @ grey.astype(np.float32) @ _frequencies(width).T
    low = found.reshape(-1)
    low[0] = 0  # the mean
    strength = np.sort(np.abs(low))
    if low @ low < MIN_CONTRAST**2 or strength[-MIN_FREQUENCIES] < NOISE:
        return None
    bits = low > np.sort(low[1:])[MEDIAN]
    bits[0] = False
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


@lru_cache(maxsize=512)
def _frequencies(length: int) -> Floats:
    """Return float32[LOW, length]: from a side of pixels to its lowest frequencies.

    Scaled so that the squares of all frequencies of a picture sum up to its variance.
    """
    place = np.pi * (np.arange(SIDE) + 0.5) / SIDE
    cosines = np.cos(np.outer(np.arange(LOW), place)) / SIDE
    cosines[1:] *= np.sqrt(2)
    return cast(Floats, (cosines @ _averages(length)).astype(np.float32))


def _averages(length: int) -> npt.NDArray[np.float64]:
    """Return float64[SIDE, length]: means over SIDE equal stretches, pixels shared pro rata."""
    edges = np.arange(SIDE + 1) * length / SIDE
    start, stop = edges[:-1, None], edges[1:, None]
    pixel = np.arange(length)[None, :]
    shared = np.minimum(stop, pixel + 1) - np.maximum(start, pixel)
    return cast(npt.NDArray[np.float64], np.maximum(shared, 0) * SIDE / length)
