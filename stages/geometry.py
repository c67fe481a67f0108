"""Sizes and coordinates as the model sees them: smart resize, patch grids, boxes and points.

Qwen2.5-VL sees a picture at (nearly) its own size, both sides multiples of 28 px: 14 px patches,
merged two by two into one token. Boxes and points in text are pixels of that resized picture, so
they can only be written once the target's pixel bounds are known.

Source: Qwen2.5-VL technical report, arXiv:2502.13923, sections 2.1.1 and 2.1.3; the rule for sizes
is that of the released image processor, the one for coordinates that of Qwen's own data tools.
"""

from __future__ import annotations

import math
from typing import Final, Literal, NamedTuple, cast

import numpy as np
import numpy.typing as npt

PATCH_PX: Final = 14
MERGE: Final = 2
TEMPORAL: Final = 2
FACTOR_PX: Final = PATCH_PX * MERGE
MAX_RATIO: Final = 200

MIN_PIXELS: Final = 56 * 56
MAX_PIXELS: Final = 16384 * FACTOR_PX * FACTOR_PX
"""Bounds of the released Qwen2.5-VL image processor."""

FRAME_MIN_PIXELS: Final = 128 * FACTOR_PX * FACTOR_PX
FRAME_MAX_PIXELS: Final = 768 * FACTOR_PX * FACTOR_PX
VIDEO_MAX_PIXELS: Final = 115_200 * FACTOR_PX * FACTOR_PX  # 0.9 of 128,000 tokens
"""Bounds of one video frame and of a whole video in Qwen's vision utilities."""

Convention = Literal["pixels", "thousandths"]
"""How a model writes coordinates: pixels of the resized picture (Qwen2.5-VL), or 0 to 999
thousandths of each side (Qwen2-VL, Qwen3-VL)."""

Ints = npt.NDArray[np.int64]


class Size(NamedTuple):
    """Height and width of a picture, px."""

    height_px: int
    width_px: int


class Grid(NamedTuple):
    """Patches of a medium along time, height and width, before merging."""

    t: int
    h: int
    w: int

    @property
    def patches(self) -> int:
        """Patches that the vision encoder sees."""
        return self.t * self.h * self.w

    @property
    def tokens(self) -> int:
        """Tokens that the language model sees: one for each 2 x 2 patches."""
        return self.patches // MERGE**2


def smart_resize(
    height_px: int,
    width_px: int,
    *,
    min_pixels: int = MIN_PIXELS,
    max_pixels: int = MAX_PIXELS,
    factor: int = FACTOR_PX,
) -> Size:
    """Return the size at which the model sees a picture.

    Both sides become the nearest multiples of `factor`; then a picture with too many pixels
    shrinks and one with too few grows, keeping its aspect ratio as well as multiples allow.

    >>> smart_resize(1014, 1532)
    Size(height_px=1008, width_px=1540)
    >>> smart_resize(1080, 2400)
    Size(height_px=1092, width_px=2408)
    >>> smart_resize(870, 1398), smart_resize(720, 1280)
    (Size(height_px=868, width_px=1400), Size(height_px=728, width_px=1288))

    Raises:
        ValueError: when a side is not positive or one side is over 200 times the other.
    """
    short, long = sorted((height_px, width_px))
    if short < 1:
        raise ValueError(f"a picture of {width_px} x {height_px} px has no pixels")
    if long / short > MAX_RATIO:
        raise ValueError(
            f"a picture of {width_px} x {height_px} px is over {MAX_RATIO} times longer than wide"
        )
    height = round(height_px / factor) * factor
    width = round(width_px / factor) * factor
    if height * width > max_pixels:
        shrink = math.sqrt(height_px * width_px / max_pixels)
        height = max(factor, math.floor(height_px / shrink / factor) * factor)
        width = max(factor, math.floor(width_px / shrink / factor) * factor)
    elif height * width < min_pixels:
        grow = math.sqrt(min_pixels / (height_px * width_px))
        height = math.ceil(height_px * grow / factor) * factor
        width = math.ceil(width_px * grow / factor) * factor
    return Size(height, width)


def video_resize(frames: int, height_px: int, width_px: int) -> Size:
    """Return the size at which the model sees each of a video's sampled frames.

    Frames share the budget of the video, so a long video has smaller ones.

    >>> video_resize(4, 1080, 1920), video_resize(768, 1080, 1920)
    (Size(height_px=560, width_px=1008), Size(height_px=336, width_px=644))
    """
    share = VIDEO_MAX_PIXELS * TEMPORAL / frames
    max_pixels = max(min(FRAME_MAX_PIXELS, share), int(FRAME_MIN_PIXELS * 1.05))
    return smart_resize(
        height_px, width_px, min_pixels=FRAME_MIN_PIXELS, max_pixels=int(max_pixels)
    )


def grid_thw(height_px: int, width_px: int, *, frames: int = 1) -> Grid:
    """Return the patch grid of a resized picture, or of a video of resized frames.

    Two frames share a patch in time; an odd last frame is doubled, and so is a picture.

    >>> grid_thw(1008, 1540), grid_thw(1008, 1540).tokens
    (Grid(t=1, h=72, w=110), 1980)
    >>> grid_thw(532, 952, frames=60).tokens, grid_thw(140, 252, frames=768).tokens
    (19380, 17280)
    """
    return Grid(math.ceil(frames / TEMPORAL), height_px // PATCH_PX, width_px // PATCH_PX)


def place_point(
    points: npt.ArrayLike, *, original: Size, resized: Size, convention: Convention = "pixels"
) -> Ints:
    """Return points as the model writes them, rounded and clamped into the picture.

    Args:
        points: float[..., 2], x and y in pixels of the original picture.
        original: size of the picture that the points were measured on.
        resized: size at which the model sees it.
        convention: what the model's numbers count.

    Returns:
        int64[..., 2].

    >>> place_point([214.0, 320.0], original=Size(428, 640), resized=Size(420, 644)).tolist()
    [215, 314]
    """
    target = resized if convention == "pixels" else Size(1000, 1000)
    scale = np.array([target.width_px / original.width_px, target.height_px / original.height_px])
    placed = np.rint(np.asarray(points, dtype=np.float64) * scale)
    limits = np.array([target.width_px - 1, target.height_px - 1])
    return cast(Ints, np.clip(placed, 0, limits).astype(np.int64))


def place_box(
    boxes: npt.ArrayLike, *, original: Size, resized: Size, convention: Convention = "pixels"
) -> Ints:
    """Return boxes as the model writes them: `place_point` of both their corners.

    Args:
        boxes: float[..., 4], x1, y1, x2, y2 in pixels of the original picture.
        original: size of the picture that the boxes were measured on.
        resized: size at which the model sees it.
        convention: what the model's numbers count.

    Returns:
        int64[..., 4].

    >>> sizes = {"original": Size(428, 640), "resized": Size(420, 644)}
    >>> place_box([146, 137, 615, 415], **sizes).tolist()
    [147, 134, 619, 407]
    >>> place_box([146, 137, 640, 428], **sizes, convention="thousandths").tolist()
    [228, 320, 999, 999]
    """
    corners = np.asarray(boxes, dtype=np.float64)
    points = corners.reshape(*corners.shape[:-1], 2, 2)
    placed = place_point(points, original=original, resized=resized, convention=convention)
    return placed.reshape(corners.shape)


def seconds_per_grid(frame_times_s: npt.ArrayLike) -> float:
    """Return the seconds between neighbouring grid steps, from the true times of the frames.

    >>> seconds_per_grid([0.0, 0.5, 1.0, 1.5])
    1.0
    """
    times = np.asarray(frame_times_s, dtype=np.float64)
    if len(times) < 2:
        return 0.0
    return float(TEMPORAL * (times[-1] - times[0]) / (len(times) - 1))
