"""How alike two pictures are in their fine detail, where perceptual hashes see the whole alone.

Two bar charts from one tool have one hash; what tells them apart is the height of the bars and
the words. So both pictures are averaged down to 64 x 64, what is smooth over 5 x 5 is taken
away, and what is left is correlated: a copy that was resized, recompressed, brightened or given a
watermark keeps 0.91 and more of it, most charts with other numbers do not
(benchmarks/decontamination.py). Detail must lie in its place, so copies with a margin cut off are
tried at a few widths of it.

Source: Quern; Lewis 1995, "Fast Normalized Cross-Correlation".
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from stages.perceptual_hash import Grey

SIDE: Final = 64
SMOOTH: Final = 5
MARGINS: Final = (0.0, 0.005, 0.01, 0.015, 0.02, 0.03)
"""Shares of a picture's sides that may have been cut off all around."""

Detail = npt.NDArray[np.float64]


def likeness(one: Grey, other: Grey) -> float:
    """Return the highest correlation, in [-1, 1], of the fine detail of uint8[H, W] and another.

    Either picture may be the other without a margin. One without detail is like nothing: 0.
    """
    whole = _detail(one, 0.0), _detail(other, 0.0)
    cut = [(_detail(one, m), whole[1]) for m in MARGINS[1:]]
    cut += [(whole[0], _detail(other, m)) for m in MARGINS[1:]]
    return max(_correlation(a, b) for a, b in [whole, *cut])


def _detail(grey: Grey, margin: float) -> Detail:
    height, width = grey.shape
    x, y = margin * width, margin * height
    box = (x, y, width - x, height - y)
    small: Any = Image.fromarray(grey).resize((SIDE, SIDE), Image.Resampling.BOX, box=box)
    pixels = np.asarray(small, np.float64)
    return pixels - _smooth(pixels)


def _smooth(pixels: Detail) -> Detail:
    """Return the means over squares of SMOOTH pixels, the border repeated outwards."""
    sums = np.pad(np.pad(pixels, SMOOTH // 2, mode="edge"), ((1, 0), (1, 0)))
    sums = sums.cumsum(axis=0).cumsum(axis=1)
    rows = sums[SMOOTH:] - sums[:-SMOOTH]
    return (rows[:, SMOOTH:] - rows[:, :-SMOOTH]) / SMOOTH**2


def _correlation(a: Detail, b: Detail) -> float:
    length = np.sqrt((a * a).sum() * (b * b).sum())
    return float((a * b).sum() / length) if length > 0 else 0.0
