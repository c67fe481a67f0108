"""The order in which the vision encoder sees patches, and where windows and frames end in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from stages.geometry import MERGE, Grid

WINDOW_TOKENS: Final = 4
"""Merged tokens along each side of a window: 112 px, 8 patches."""

Ints = npt.NDArray[np.int64]
Ints32 = npt.NDArray[np.int32]


@dataclass(frozen=True, kw_only=True)
class VisionLayout:
    """How the patches of media are ordered by window. M is the number of merged tokens, P = 4 M.

    Frames stay in their order and so do windows inside a frame, row by row; windows at the right
    and lower edges are smaller, never padded. Within a window its tokens go row by row::

        a frame of 5 x 6 tokens      windows
        0  1  2  3 | 4  5            0 1 2 3 6 7 8 9 12 13 14 15 18 19 20 21 | 4 5 10 11 16 17 22 23
        6  7  8  9 | 10 11           24 25 26 27 | 28 29
        12 13 14 15| 16 17
        18 19 20 21| 22 23           cu_windows, in patches: [0, 64, 96, 112, 120]
        -----------+------
        24 25 26 27| 28 29

    Attributes:
        order: int64[M], which merged token of the image processor's order stands at each place.
        patch_hw: int64[P, 2], row and column of each patch in its frame.
        cu_windows: int32[W + 1], where windows begin and end, patches.
        max_window: length of the longest window, patches.
        cu_frames: int32[F + 1], where frames begin and end, patches.
        max_frame: length of the longest frame, patches.
    """

    order: Ints
    patch_hw: Ints
    cu_windows: Ints32
    max_window: int
    cu_frames: Ints32
    max_frame: int


def vision_layout(grids: Sequence[Grid]) -> VisionLayout:
    """Return the layout of media that lie one behind the other.

    `pixels.reshape(M, -1)[layout.order].reshape(P, -1)` brings patches from the order of the image
    processor, in which four neighbouring rows are 2 x 2 patches, into the order of windows.

    Args:
        grids: of the media, patches; height and width are even.

    Raises:
        ValueError: when a grid is empty or has a side that cannot be merged two by two.

    Source: Qwen2.5-VL technical report, arXiv:2502.13923, section 2.1.1.
    """
    orders, places, windows, frames = [], [], [0], [0]
    tokens_before = 0
    for grid in grids:
        _check(grid)
        rows, columns = grid.h // MERGE, grid.w // MERGE
        order, lengths = _frame(rows, columns)
        starts = tokens_before + np.arange(grid.t)[:, None] * (rows * columns)
        orders.append((starts + order).ravel())
        places.append(np.tile(_patch_hw(rows, columns)[order].reshape(-1, 2), (grid.t, 1)))
        windows.extend(list(lengths) * grid.t)
        frames.extend([grid.h * grid.w] * grid.t)
        tokens_before += grid.tokens
    return VisionLayout(
        order=np.concatenate([np.empty(0, dtype=np.int64), *orders]),
        patch_hw=np.concatenate([np.empty((0, 2), dtype=np.int64), *places]),
        cu_windows=np.cumsum(windows, dtype=np.int32),
        max_window=max(windows),
        cu_frames=np.cumsum(frames, dtype=np.int32),
        max_frame=max(frames),
    )


def _check(grid: Grid) -> None:
    if min(grid) < 1 or grid.h % MERGE or grid.w % MERGE:
        raise ValueError(
            f"{grid} cannot be merged {MERGE} by {MERGE}: height and width must be even patches;"
            " resize the picture by stages.geometry.smart_resize"
        )


@lru_cache(maxsize=1024)
def _frame(rows: int, columns: int) -> tuple[Ints, tuple[int, ...]]:
    """Return the merged tokens of a frame sorted by window, and the windows' lengths in patches."""
    across = -(-columns // WINDOW_TOKENS)
    down = np.arange(rows)[:, None] // WINDOW_TOKENS
    window = (down * across + np.arange(columns) // WINDOW_TOKENS).ravel()
    lengths = np.bincount(window) * MERGE**2
    return np.argsort(window, kind="stable"), tuple(lengths.tolist())


@lru_cache(maxsize=1024)
def _patch_hw(rows: int, columns: int) -> Ints:
    """Return int64[tokens, 4, 2], row and column of the patches of each merged token."""
    row, column, down, right = np.indices((rows, columns, MERGE, MERGE))
    places = np.stack([row * MERGE + down, column * MERGE + right], axis=-1)
    return places.reshape(rows * columns, MERGE**2, 2).astype(np.int64)
