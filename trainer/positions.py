"""Positions of tokens in time, height and width, with time in true seconds (MRoPE)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from stages.geometry import MERGE, Grid

TOKENS_PER_SECOND: Final = 2
"""Steps of the time axis in a second, of the released Qwen2.5-VL models."""

Ints = npt.NDArray[np.int64]


def mrope_positions(
    is_medium: npt.NDArray[np.bool_],
    grids: Sequence[Grid],
    seconds_per_grid: Sequence[float],
    *,
    tokens_per_second: float = TOKENS_PER_SECOND,
) -> Ints:
    """Return the positions of one document's tokens.

    Text counts up by one on all three axes. A medium's tokens take their place in its merged grid,
    counted from the index after the text before it; their time is
    `floor(grid_index * seconds_per_grid * tokens_per_second)`, multiplied first and cut last, in
    single precision as in the official code. Text goes on at max(t, h, w) + 1 of all before it.

    Two text tokens, a video of two steps of 2 x 2 tokens one second apart, one text token::

        token   a b v v v v v v v v c
        t       0 1 2 2 2 2 4 4 4 4 5
        h       0 1 2 2 3 3 2 2 3 3 5
        w       0 1 2 3 2 3 2 3 2 3 5

    transformers 5 differs here: behind any medium it advances by the longer side of the merged
    grid alone, so that the text after a video whose time outruns its sides is placed inside the
    video's time. At two positions a second, 31 tokens wide, that is any video over 16 seconds.

    Args:
        is_medium: bool[L], which tokens stand for media.
        grids: of the media in their order, patches.
        seconds_per_grid: seconds between steps in time of each medium, 0 for a picture.
        tokens_per_second: steps of the time axis in a second.

    Returns:
        int64[3, L]: time, height and width.

    Raises:
        ValueError: when the tokens do not fit the grids.

    Source: Qwen2.5-VL technical report, arXiv:2502.13923, section 2.1.2.
    """
    starts = _starts(is_medium, grids)
    pieces = []
    at = following = 0
    for start, grid, seconds in zip(starts, grids, seconds_per_grid, strict=True):
        pieces.append(_text(start - at, following))
        medium = _medium(grid, seconds, tokens_per_second) + following + (start - at)
        pieces.append(medium)
        at, following = start + grid.tokens, int(medium.max()) + 1
    pieces.append(_text(len(is_medium) - at, following))
    return np.concatenate(pieces, axis=1)


def _starts(is_medium: npt.NDArray[np.bool_], grids: Sequence[Grid]) -> list[int]:
    """Return the index of each medium's first token."""
    places = np.flatnonzero(is_medium)
    ends = np.cumsum([grid.tokens for grid in grids], dtype=np.int64)
    wanted = int(ends[-1]) if len(ends) else 0
    if len(places) != wanted:
        raise ValueError(
            f"{len(places)} tokens stand for media of {wanted} tokens: {list(map(tuple, grids))};"
            " tokenize the sample again with the pixel bounds it is trained with"
        )
    starts = []
    for grid, end in zip(grids, ends, strict=True):
        first, last = places[end - grid.tokens], places[end - 1]
        if last - first != grid.tokens - 1:
            raise ValueError(f"the {grid.tokens} tokens of {grid} do not lie side by side")
        starts.append(int(first))
    return starts


def _text(length: int, start: int) -> Ints:
    return np.broadcast_to(np.arange(start, start + length), (3, length))


def _medium(grid: Grid, seconds_per_grid: float, tokens_per_second: float) -> Ints:
    """Return the places of a medium's tokens, counted from 0."""
    t, h, w = np.indices((grid.t, grid.h // MERGE, grid.w // MERGE)).reshape(3, -1)
    ticks = t.astype(np.float32) * np.float32(seconds_per_grid) * np.float32(tokens_per_second)
    return np.stack([ticks.astype(np.int64), h, w])
