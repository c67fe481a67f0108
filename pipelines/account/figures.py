"""Pictures of numbers: score histograms as SVG and PNG, and the contact sheet of a card."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from PIL import Image, ImageDraw, ImageFont

from pipelines.account.histograms import Counts, Histogram

Lengths = npt.NDArray[np.float64]

WIDTH: Final = 320
HEIGHT: Final = 90
SLIM: Final = 16  # bars fit beside each other at least
KEPT: Final = "#2f7d6d"
DROPPED: Final = "#c8643c"
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
    figure = Figure(figsize=(4.6 * columns, 2.3 * rows), dpi=100)
    axes = figure.subplots(rows, columns, squeeze=False).flatten()
    tall, wide = 2.3 * rows, 4.6 * columns  # inches; room for titles and numbers
    figure.subplots_adjust(0.45 / wide, 0.3 / tall, 1 - 0.1 / wide, 1 - 0.3 / tall, 0.15, 0.4)
    for axis, histogram in zip(axes, histograms, strict=False):
        _draw(axis, histogram)
    for axis in axes[len(histograms) :]:
        axis.set_axis_off()
    data = io.BytesIO()
    figure.savefig(data, format="png", metadata={"Software": None})
    return data.getvalue()


def _draw(axis: Axes, histogram: Histogram) -> None:
    edges, kept, dropped = histogram.edges, histogram.kept, histogram.dropped
    for colour, base, height in ((KEPT, np.zeros_like(kept), kept), (DROPPED, kept, dropped)):
        corners = _corners(edges, base, base + height)
        axis.add_collection(PolyCollection(list(corners), facecolor=colour), autolim=False)
    for threshold in histogram.thresholds:
        if edges[0] <= threshold <= edges[-1]:
            axis.axvline(threshold, color="black", linewidth=0.9, linestyle="--")
    axis.set_title(f"{histogram.step}: {histogram.score}", fontsize=9, loc="left")
    axis.tick_params(labelsize=7)
    axis.yaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
    axis.set_xlim(edges[0], edges[-1])
    axis.set_ylim(0, max(int((kept + dropped).max()), 1) * 1.04)
    axis.spines[["top", "right"]].set_visible(False)


def _corners(edges: Lengths, base: Counts, top: Counts) -> Lengths:
    """Return float64[B, 4, 2], the corners of bars."""
    left, width = _bar_places(edges)
    x = np.stack([left, left, left + width, left + width], axis=1)
    y = np.stack([base, top, top, base], axis=1)
    return np.stack([x, y.astype(np.float64)], axis=2)


def contact_sheet(images: Sequence[Image.Image]) -> bytes:
    """Return a PNG that shows pictures in a grid, numbered from 1."""
    columns = min(len(images), SHEET_COLUMNS)
    rows = -(-len(images) // columns)
    tall = CELL_PX + LABEL_PX
    sheet = Image.new("RGB", (columns * CELL_PX, rows * tall), "white")
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(size=12)
    for place, image in enumerate(images):
        x, y = place % columns * CELL_PX, place // columns * tall
        draw.text((x + 4, y + 2), str(place + 1), fill="black", font=font)
        offset = ((CELL_PX - image.width) // 2, (CELL_PX - image.height) // 2)
        sheet.paste(image, (x + offset[0], y + LABEL_PX + offset[1]))
    data = io.BytesIO()
    sheet.save(data, "PNG", optimize=True)
    return data.getvalue()
