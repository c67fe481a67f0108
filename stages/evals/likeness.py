"""How alike two pictures are in their fine detail, where perceptual hashes see the whole alone.

Two bar charts from one tool have one hash; what tells them apart is the height of the bars and
the words, which is little of the whole and all of some places. So both pictures are averaged down
to 64 x 64 and correlated in tiles of 8 x 8; the likeness is what nine in ten of the tiles that
show anything reach. Of copies that were resized, recompressed, brightened or given a watermark 88
to 98 in 100 keep 0.75, of charts of one title with other numbers 20 do (RESULTS.md has the
table). Tiles must lie in their places, so copies with a margin cut off are tried at a few widths.

Source: Quern; Lewis 1995, "Fast Normalized Cross-Correlation".
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from stages.perceptual_hash import Grey

SIDE: Final = 64
TILE: Final = 8
MIN_CONTRAST: Final = 3.0
"""Standard deviation, grey levels of 256, from which a tile shows anything in either picture."""
REACHED_BY: Final = 0.9
"""Share of the tiles that reach the likeness: one in ten may hold a watermark."""
MARGINS: Final = (0.0, 0.005, 0.01, 0.015, 0.02, 0.03)
"""Shares of a picture's sides that may have been cut off all around."""

Tiles = npt.NDArray[np.float64]


def likeness(one: Grey, other: Grey) -> float:
    """Return how alike uint8[H, W] and another picture are, in [-1, 1]; 1 for the same picture.

    Either picture may be the other without a margin. Pictures that show nothing are not alike: 0.
    """
    whole = _tiles(one, 0.0), _tiles(other, 0.0)
    cut = [(_tiles(one, m), whole[1]) for m in MARGINS[1:]]
    cut += [(whole[0], _tiles(other, m)) for m in MARGINS[1:]]
    return max(_alike(a, b) for a, b in [whole, *cut])


def _tiles(grey: Grey, margin: float) -> Tiles:
    """Return float64[tiles, pixels] of the picture without a margin, the mean of each tile 0."""
    height, width = grey.shape
    x, y = margin * width, margin * height
    box = (x, y, width - x, height - y)
    small: Any = Image.fromarray(grey).resize((SIDE, SIDE), Image.Resampling.BOX, box=box)
    rows = SIDE // TILE
    pixels = np.asarray(small, np.float64).reshape(rows, TILE, rows, TILE)
    tiles: Tiles = pixels.transpose(0, 2, 1, 3).reshape(rows * rows, TILE * TILE)
    means: Tiles = tiles.mean(axis=1, keepdims=True)
    return tiles - means


def _alike(a: Tiles, b: Tiles) -> float:
    contrast = np.sqrt((a * a).mean(axis=1)), np.sqrt((b * b).mean(axis=1))
    shows = np.maximum(*contrast) >= MIN_CONTRAST
    if not shows.any():
        return 0.0
    product = np.maximum(contrast[0] * contrast[1], 1e-6)  # a tile that is flat in one: 0
    correlation = ((a * b).mean(axis=1) / product)[shows]
    return float(np.quantile(correlation, 1 - REACHED_BY))
