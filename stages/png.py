"""Tell that a PNG is whole without making its pixels: its stream inflates to rows that can be read.

Inflating takes a tenth of the time of decoding. What is said here is only ever yes: a file with
anything out of the ordinary (animations, chunks behind the pixels that may turn the picture,
damage) is for the decoder to judge.

Source: PNG Specification, Third Edition (W3C 2025), sections 5, 8 and 9.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, cast

import numpy as np
import numpy.typing as npt
from PIL import Image
from zlib_ng import zlib_ng

_SIGNATURE_BYTES: Final = 8
_AROUND: Final = 12  # length, name and checksum of a chunk
_CHANNELS: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type
_PASSES: Final = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)
"""Adam7: first column, first row, step of columns, step of rows."""
_LAST_FILTER: Final = 4
_DAMAGED: Final = cast(type[Exception], zlib_ng.error)  # its stubs call it an exception
_HARMLESS: Final = frozenset(
    {b"Author", b"Comment", b"Copyright", b"Creation Time", b"Description", b"Software", b"Title"}
)
"""Keywords of texts that say nothing of how the picture is to be shown."""


@dataclass(frozen=True, kw_only=True)
class _Header:
    """What the first chunk says: pixels, bits per pixel and whether there are passes."""

    width: int
    height: int
    bits: int
    interlaced: bool

    @classmethod
    def of(cls, data: bytes) -> _Header:
        depth, colour = data[24], data[25]
        return cls(
            width=int.from_bytes(data[16:20], "big"),
            height=int.from_bytes(data[20:24], "big"),
            bits=depth * _CHANNELS[colour],
            interlaced=data[28] == 1,
        )

    def passes(self) -> list[tuple[int, int]]:
        """Return rows, and bytes of a row with the filter before it, of each pass."""
        steps = _PASSES if self.interlaced else ((0, 0, 1, 1),)
        found = []
        for x, y, dx, dy in steps:
            columns, rows = -(-(self.width - x) // dx), -(-(self.height - y) // dy)
            if columns > 0 and rows > 0:
                found.append((rows, 1 + -(-columns * self.bits // 8)))
        return found


def is_whole(stream: bytes, data: bytes, image: Image.Image) -> bool:
    """Tell whether the pixels of a PNG can certainly be decoded.

    Args:
        stream: what `stream_of` gave.
        data: the file.
        image: as Pillow opened it, its size within the limits; it is not loaded.
    """
    if image.mode == "P" and image.palette is None:
        return False
    if getattr(image, "n_frames", 1) != 1 or "default_image" in image.info:
        return False
    passes = _Header.of(data).passes()
    whole = sum(rows * length for rows, length in passes)
    inflater = zlib_ng.decompressobj()
    try:
        pixels = inflater.decompress(stream, whole)
        rest = inflater.decompress(inflater.unconsumed_tail, 1)
    except _DAMAGED:
        return False
    if len(pixels) != whole or rest or not inflater.eof:
        return False
    return _filters_known(np.frombuffer(pixels, np.uint8), passes)


def stream_of(data: bytes) -> bytes | None:
    """Return what the IDAT chunks of a PNG hold.

    None unless they follow each other and nothing behind them changes how the picture is shown.
    """
    pieces: list[bytes] = []
    at, ended = _SIGNATURE_BYTES, False
    while at + _AROUND <= len(data):
        length, name = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        content = data[at + 8 : at + 8 + length]
        at += _AROUND + length
        if at > len(data):
            return None
        if name == b"IEND":
            return b"".join(pieces)
        if name == b"IDAT" and not ended:
            pieces.append(content)
        elif pieces:
            ended = True
            if not _is_harmless(name, content):
                return None
    return None


def _is_harmless(name: bytes, content: bytes) -> bool:
    """Tell whether a chunk behind the pixels changes nothing of them."""
    keyword = content.partition(b"\0")[0]
    text = name == b"tEXt" and (keyword in _HARMLESS or keyword.startswith(b"date:"))
    return text or name == b"tIME"


def _filters_known(pixels: npt.NDArray[np.uint8], passes: Sequence[tuple[int, int]]) -> bool:
    at = 0
    for rows, length in passes:
        if pixels[at : at + rows * length : length].max() > _LAST_FILTER:
            return False
        at += rows * length
    return True
