"""Decoded pictures and what was measured on them, kept for the operators of the same task."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Measures = npt.NDArray[np.float32]


@dataclass(kw_only=True)
class PictureCache:
    """The most recently used decoded pictures, bounded in bytes; and a few numbers of each.

    Attributes:
        max_bytes: decoded pixels held at most, bytes.
    """

    max_bytes: int = 256 << 20
    _pictures: OrderedDict[str, Pixels] = field(default_factory=OrderedDict)
    _bytes: int = 0
    _measures: dict[str, Measures] = field(default_factory=dict)

    def get(self, sha256: str, decode: Callable[[], Pixels]) -> Pixels:
        """Return uint8[H, W, 3], RGB, decoding it unless it is still held."""
        if sha256 in self._pictures:
            self._pictures.move_to_end(sha256)
            return self._pictures[sha256]
        pixels = decode()
        self._pictures[sha256] = pixels
        self._bytes += pixels.nbytes
        while self._bytes > self.max_bytes and len(self._pictures) > 1:
            _, oldest = self._pictures.popitem(last=False)
            self._bytes -= oldest.nbytes
        return pixels

    def measured(self, sha256: str, measure: Callable[[], Measures]) -> Measures:
        """Return float32[K], the numbers of a picture, measuring it unless it has been."""
        if sha256 not in self._measures:
            self._measures[sha256] = measure()
        return self._measures[sha256]
