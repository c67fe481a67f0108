"""Pictures of numbers: score histograms as SVG and PNG, and the contact sheet of a card."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from pipelines.account.histograms import Histogram

Lengths = npt.NDArray[np.float64]

WIDTH: Final = 320
HEIGHT: Final = 90
SLIM: Final = 16  # bars fit beside each other at least
KEPT: Final = "#2f7d6d"
DROPPED: Final = "#c8643c"
PLOT_PX: Final = (460, 190)
MARGIN_PX: Final = 20
SHEET_COLUMNS: Final = 6
CELL_PX: Final = 160
LABEL_PX: Final = 18


@dataclass(frozen=True, kw_only=True)
class Bars:
    """A histogram drawn in a box of WIDTH by HEIGHT; a template puts it into an `<svg>`.

    Attributes:
        kept: path of the kept bars.
        dropped: path of the dropped bars, standing on the kept ones.
        lines: x of each threshold that lies in the box, with its value.
        beside: thresholds that lie outside.
        low: smallest value, or the left edge with `≤` when the first bin holds lower ones.
        high: largest value, or the right edge with `≥` when the last bin holds higher ones.
    """

    kept: str
    dropped: str
    lines: tuple[tuple[float, str], ...]
    beside: tuple[str, ...]
    low: str
    high: str


def bars(histogram: Histogram) -> Bars:
    """Return the histogram as SVG paths."""
    edges = histogram.edges
    x = (edges - edges[0]) / (edges[-1] - edges[0]) * WIDTH
    tallest = max(int((histogram.kept + histogram.dropped).max()), 1)
    kept = histogram.kept / tallest * HEIGHT
    dropped = histogram.dropped / tallest * HEIGHT
    inside = [t for t in histogram.thresholds if edges[0] <= t <= edges[-1]]
    places = np.interp(inside, edges, x)
    return Bars(
        kept=_path(x, np.zeros_like(kept), kept),
        dropped=_path(x, kept, dropped),
        lines=tuple((round(float(p), 1), number(t)) for p, t in zip(places, inside, strict=True)),
        beside=tuple(number(t) for t in histogram.thresholds if t not in inside),
        low=_end("≤", histogram.least, max(histogram.least, float(edges[0]))),
        high=_end("≥", histogram.most, min(histogram.most, float(edges[-1]))),
    )


def _end(sign: str, value: float, shown: float) -> str:
    return number(shown) if value == shown else f"{sign} {number(shown)}"


def _path(x: Lengths, below: Lengths, height: Lengths) -> str:
    """Return bars as one path; those of a count above zero are at least a hair tall."""
    left, width = _bar_places(x)
    pieces = [
        f"M{start:.1f} {HEIGHT - base:.1f}v-{tall:.1f}h{width - 0.6:.1f}v{tall:.1f}z"
        for start, base, tall in zip(left, below, np.maximum(height, 0.7), strict=True)
    ]
    return "".join(piece for piece, count in zip(pieces, height, strict=True) if count > 0)


def _bar_places(edges: Lengths) -> tuple[Lengths, float]:
    """Return where bars begin and how wide they are: as the bins, but slim where those are few."""
    bin_width = float(edges[1] - edges[0])
    width = min(bin_width, float(edges[-1] - edges[0]) / SLIM)
    return edges[:-1] + (bin_width - width) / 2, width


def number(value: float) -> str:
    """Return a number as short as it can be read.

    >>> number(1234567.0), number(0.12345), number(3.0), number(-0.0)
    ('1,234,567', '0.1235', '3', '0')
    """
    if value == 0:
        return "0"
    if float(value).is_integer() or abs(value) >= 10_000:
        return f"{value:,.0f}"
    return f"{value:.4g}"


def histograms_png(histograms: Sequence[Histogram]) -> bytes:
    """Return a PNG that shows histograms, two beside each other."""
    columns = min(len(histograms), 2)
    rows = -(-len(histograms) // columns)
    sheet = Image.new("RGB", (columns * PLOT_PX[0], rows * PLOT_PX[1]), "white")
    draw = ImageDraw.Draw(sheet)
    for place, histogram in enumerate(histograms):
        _draw(draw, histogram, place % columns * PLOT_PX[0], place // columns * PLOT_PX[1])
    data = io.BytesIO()
    sheet.save(data, "PNG", optimize=True)
    return data.getvalue()


def _draw(draw: ImageDraw.ImageDraw, histogram: Histogram, left: int, top: int) -> None:
    """Draw a histogram into a box of PLOT_PX whose upper left corner is given."""
    shown, font = bars(histogram), _font(12)
    across = (PLOT_PX[0] - 2 * MARGIN_PX) / WIDTH
    left, top, foot = left + MARGIN_PX, top + 26, top + PLOT_PX[1] - 26
    draw.text((left, top - 20), f"{histogram.step}: {histogram.score}", "black", _font(14))
    tallest = max(int((histogram.kept + histogram.dropped).max()), 1)
    draw.text((left + WIDTH * across, top - 4), f"{tallest:,}", "grey", font, anchor="rs")
    edges = (histogram.edges - histogram.edges[0]) / np.ptp(histogram.edges) * WIDTH * across
    begins, wide = _bar_places(edges)
    base = np.zeros_like(begins)
    for colour, counts in ((KEPT, histogram.kept), (DROPPED, histogram.dropped)):
        heights = np.where(counts > 0, np.maximum(counts / tallest * (foot - top), 1), 0)
        for x, low, height in zip(begins + left, base, heights, strict=True):
            if height:
                draw.rectangle((x, foot - low - height, x + max(wide - 1, 0), foot - low), colour)
        base = base + heights
    draw.line((left, foot + 1, left + WIDTH * across, foot + 1), "grey")
    low, high = (end.replace("≤", "<=").replace("≥", ">=") for end in (shown.low, shown.high))
    draw.text((left, foot + 4), low, "grey", font)
    draw.text((left + WIDTH * across, foot + 4), high, "grey", font, anchor="ra")
    for x, told in shown.lines:
        at = left + x * across
        for y in range(top, foot, 8):
            draw.line((at, y, at, y + 4), "black")
        is_left = x < WIDTH / 2
        draw.text(
            (at + (4 if is_left else -4), top), told, "black", font, "la" if is_left else "ra"
        )


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size=size)


def contact_sheet(images: Sequence[Image.Image]) -> bytes:
    """Return a PNG that shows pictures in a grid, numbered from 1."""
    columns = min(len(images), SHEET_COLUMNS)
    rows = -(-len(images) // columns)
    tall = CELL_PX + LABEL_PX
    sheet = Image.new("RGB", (columns * CELL_PX, rows * tall), "white")
    draw = ImageDraw.Draw(sheet)
    font = _font(12)
    for place, image in enumerate(images):
        x, y = place % columns * CELL_PX, place // columns * tall
        draw.text((x + 4, y + 2), str(place + 1), fill="black", font=font)
        offset = ((CELL_PX - image.width) // 2, (CELL_PX - image.height) // 2)
        sheet.paste(image, (x + offset[0], y + LABEL_PX + offset[1]))
    data = io.BytesIO()
    sheet.save(data, "PNG", optimize=True)
    return data.getvalue()
