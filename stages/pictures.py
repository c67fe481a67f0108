"""Decoded pictures, kept for the operators that follow in the same task."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]


@dataclass(kw_only=True)
class PictureCache:
    """The most recently used decoded pictures, bounded in bytes.

    Attributes:
        max_bytes: decoded pixels held at most, bytes.
    """

    max_bytes: int = 256 << 20
    _pictures: OrderedDict[str, Pixels] = field(default_factory=OrderedDict)
    _bytes: int = 0

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
