"""Compiled measures of a picture: colours, entropy, edges, blur, lines of text."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from numba import njit

from stages.pictures import Pixels

Grey = npt.NDArray[np.uint8]

_COLOUR_BITS: Final = 4  # of each channel: colours closer than 16 levels mostly count as one
_EDGE: Final = 32  # grey levels between neighbours
_BOX: Final = 9  # pixels that Crete et al. blur over
_SWING: Final = 40  # grey levels between paper and ink; less is noise
_BAND: Final = 32  # pixels: the width in which rows of text are told from the gaps between them
_NEAR: Final = 10  # pixels between the edges of a stroke, or of two neighbours
_STROKES: Final = 3  # edges in a band's row of text; a frame has two
_LOW: Final = 3  # pixels: the lowest line of text, and the highest
_HIGH: Final = 20


def commonest_share(pixels: Pixels) -> float:
    """Return the share of uint8[H, W, 3] that has the commonest of 4,096 colours.

    Every second pixel of every second row is counted: a quarter tells the share well enough.
    """
    counts = _colours(pixels)
    return float(counts.max() / counts.sum())


def entropy_bits(grey: Grey) -> float:
    """Return the entropy of the 256 grey levels of uint8[H, W], 0 to 8 bits (Shannon 1948).

    Every second pixel of every second row is counted.
    """
    counts = _levels(grey)
    shares = counts[counts > 0] / counts.sum()
    return float(abs((shares * np.log2(shares)).sum()))


def edge_share(grey: Grey) -> float:
    """Return the share of pixels of uint8[H, W] that differ from the one above or the one left.

    By 32 levels of 256. Counted are the pixels of every second row, without the first column.
    """
    inside = (grey.shape[0] // 2) * (grey.shape[1] - 1)
    return float(_edges(grey) / inside) if inside else 0.0


def blur(grey: Grey) -> float:
    """Return how little more blurring changes uint8[H, W]: from 0, much, to 1, nothing.

    Neighbours in a sharp picture grow much more alike when it is blurred over 9 pixels; those of
    one that is blurred already do not. The share of their differences that stays is measured
    along rows and along columns, and the larger one counts: a picture is as blurred as its worse
    direction. Every second row is looked at. NaN where no neighbours differ, or there are fewer
    than 10 rows and columns.

    Source: Crete et al. 2007, "The blur effect: perception and estimation with a new
    no-reference perceptual blur metric", section 3, equations 1 to 6.
    """
    down, across = _left_of_detail(grey)
    shares = [kept / whole for kept, whole in (down, across) if whole > 0]
    return max(shares, default=float("nan"))


def text_share(grey: Grey) -> float:
    """Return how much of what is drawn in uint8[H, W] stands in lines of text, 0 to 1.

    Of a text, rows crossed by many strokes alternate with gaps that none crosses; lines of
    grids, charts and drawings go on through more rows than a line of text is high (3 to 20
    pixels). Counted are rows of bands, 32 pixels wide, that any edge crosses, and those of them
    in lines of text. A picture narrower than a band has none; grids of squares below 10 pixels
    pass for text.
    """
    import cv2  # 0.1 s that most operators do not need

    text, drawn = _lines(*_strokes(cv2.transpose(grey)))
    return float(text / drawn) if drawn else 0.0


@njit(cache=True, nogil=True)
def _colours(pixels: Any) -> Any:
    counts = np.zeros(1 << (3 * _COLOUR_BITS), np.int64)
    drop = 8 - _COLOUR_BITS
    for y in range(0, pixels.shape[0], 2):
        for x in range(0, pixels.shape[1], 2):
            red, green = np.int64(pixels[y, x, 0]) >> drop, np.int64(pixels[y, x, 1]) >> drop
            blue = np.int64(pixels[y, x, 2]) >> drop
            counts[(red << (2 * _COLOUR_BITS)) | (green << _COLOUR_BITS) | blue] += 1
    return counts


@njit(cache=True, nogil=True)
def _levels(grey: Any) -> Any:
    counts = np.zeros(256, np.int64)
    for y in range(0, grey.shape[0], 2):
        for x in range(0, grey.shape[1], 2):
            counts[grey[y, x]] += 1
    return counts


@njit(cache=True, nogil=True)
def _edges(grey: Any) -> Any:
    found = np.int64(0)
    for y in range(1, grey.shape[0], 2):
        for x in range(1, grey.shape[1]):
            here = np.int32(grey[y, x])
            across = abs(here - np.int32(grey[y, x - 1])) >= _EDGE
            found += across | (abs(here - np.int32(grey[y - 1, x])) >= _EDGE)
    return found


@njit(cache=True, nogil=True)
def _left_of_detail(grey: Any) -> Any:
    """Return, down columns and across rows, what blurring leaves of differences, and those.

    Neighbours of a running mean differ by what enters it less what leaves it, over _BOX; all is
    counted _BOX times.
    """
    height, width = grey.shape
    half = _BOX // 2
    kept_down = whole_down = kept_across = whole_across = np.int64(0)
    for y in range(half + 1, height - half, 2):
        kept, whole = _differences(grey[y], grey[y - 1], grey[y + half], grey[y - half - 1])
        kept_down, whole_down = kept_down + kept, whole_down + whole
    for y in range(0, height, 2):
        row = grey[y]
        kept, whole = _differences(
            row[half + 1 : width - half], row[half : width - half - 1], row[2 * half + 1 :], row
        )
        kept_across, whole_across = kept_across + kept, whole_across + whole
    return (kept_down, whole_down), (kept_across, whole_across)


@njit(cache=True, nogil=True)
def _differences(here: Any, before: Any, enters: Any, leaves: Any) -> Any:
    """Return the sums of the smaller of two differences, and of the first, along four lines."""
    kept, whole = np.int32(0), np.int32(0)
    for at in range(len(here)):
        sharp = np.int32(_BOX) * abs(np.int32(here[at]) - np.int32(before[at]))
        soft = abs(np.int32(enters[at]) - np.int32(leaves[at]))
        whole += sharp
        kept += min(sharp, soft)
    return np.int64(kept), np.int64(whole)


@njit(cache=True, nogil=True)
def _strokes(columns: Any) -> Any:
    """Return int16[W // _BAND, H] twice: edges in each row of a band, and those behind another.

    An edge is where brightness has swung by _SWING since it last turned. All rows go from left
    to right side by side, so that the compiler can take many at once.

    Args:
        columns: uint8[W, H], the picture on its side.
    """
    width, height = columns.shape
    bands = width // _BAND
    edges, close = np.zeros((2, bands, height), np.int16)
    low, high = columns[0].astype(np.int16), columns[0].astype(np.int16)
    way, since = np.zeros(height, np.int16), np.full(height, _NEAR, np.int16)
    for x in range(bands * _BAND):
        _turns(columns[x], low, high, way, since, edges[x // _BAND], close[x // _BAND])
    return edges, close


@njit(cache=True, nogil=True)
def _turns(column: Any, low: Any, high: Any, way: Any, since: Any, edges: Any, close: Any) -> None:
    """Take one more pixel of each row; `way` is that of its last swing, `since` how far back."""
    one, swing, near = np.int16(1), np.int16(_SWING), np.int16(_NEAR)
    for y in range(len(column)):
        value = np.int16(column[y])
        lowest, highest = min(low[y], value), max(high[y], value)
        down = np.int16((way[y] >= 0) & (np.int16(highest - value) >= swing))
        up = np.int16((way[y] <= 0) & (np.int16(value - lowest) >= swing) & (down == 0))
        turned = np.int16(down | up)
        back = np.int16(since[y] + one)
        edges[y] = np.int16(edges[y] + turned)
        close[y] = np.int16(close[y] + (turned & np.int16(back <= near)))
        way[y] = np.int16(up - down) if turned else way[y]
        low[y] = value if turned else lowest
        high[y] = value if turned else highest
        since[y] = np.int16(0) if turned else min(back, np.int16(near + one))


@njit(cache=True, nogil=True)
def _lines(edges: Any, close: Any) -> Any:
    """Return the rows of bands in lines of text, and those that any edge crosses."""
    bands, height = edges.shape
    text, drawn = 0, 0
    for band in range(bands):
        run, strong = 0, False
        for y in range(height):
            drawn += edges[band, y] > 0
            if close[band, y] >= _STROKES - 1:
                run += 1
                strong |= close[band, y] >= _STROKES
            else:
                text += run if strong and _LOW <= run <= _HIGH else 0
                run, strong = 0, False
        text += run if strong and _LOW <= run <= _HIGH else 0
    return text, drawn
