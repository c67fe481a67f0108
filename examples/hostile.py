"""Make the bytes of the planted picture faults: bombs, stumps, empty files, pages sent as pictures.

Nothing here allocates a large picture: the two oversized PNGs are compressed row by row, by hand.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator

NOT_FOUND_PAGE = b"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Page not found</title></head>
<body><h1>Page not found</h1><p>The sheet you are looking for has been moved.</p></body></html>
"""


def one_bit_png(width_px: int, height_px: int, rows: Iterable[bytes]) -> bytes:
    """A black-and-white PNG of packed rows (eight pixels a byte), compressed as they arrive."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    squeeze = zlib.compressobj(9)
    pixels = b"".join(squeeze.compress(b"\0" + row) for row in rows) + squeeze.flush()
    header = struct.pack(">IIBBBBB", width_px, height_px, 1, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", pixels), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(name, data) for name, data in chunks)


def chequerboard(width_px: int, height_px: int, side_px: int) -> bytes:
    """A chequered sheet; `width_px` and `side_px` are multiples of eight."""
    cells = range(width_px // side_px)
    pair = [
        b"".join(b"\xff\0"[(c + o) % 2 : (c + o) % 2 + 1] * (side_px // 8) for c in cells)
        for o in (0, 1)
    ]

    def rows() -> Iterator[bytes]:
        for y in range(height_px):
            yield pair[y // side_px % 2]

    return one_bit_png(width_px, height_px, rows())


def bomb(side_px: int) -> bytes:
    """A uniform sheet of `side_px` squared: a few hundred kilobytes that unpack to gigabytes."""
    row = bytes(side_px // 8)
    return one_bit_png(side_px, side_px, (row for _ in range(side_px)))


def stump(whole: bytes, share: float) -> bytes:
    """The first `share` of a file, as a broken transfer leaves it."""
    return whole[: int(len(whole) * share)]
