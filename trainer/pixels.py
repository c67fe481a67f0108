"""Files of pictures and videos to the normalised patches that the vision encoder takes."""

from __future__ import annotations

import io
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt
from numba import njit
from PIL import Image

from stages.decode import Limits, UndecodableError, decode_rgb
from stages.geometry import (
    MERGE,
    PATCH_PX,
    TEMPORAL,
    Grid,
    Size,
    grid_thw,
    smart_resize,
    video_resize,
)
from stages.shards import Stamp

Bytes = npt.NDArray[np.uint8]

LIMITS: Final = Limits(max_bytes=1 << 30, max_pixels=1 << 28)
"""Far beyond what a run lets into its shards by its own limits."""
CHANNEL_VALUES: Final = TEMPORAL * PATCH_PX**2
"""Numbers in a channel of a patch: two frames, rows, columns."""
PATCH_VALUES: Final = 3 * CHANNEL_VALUES
MEAN: Final = (0.48145466, 0.4578275, 0.40821073)
STD: Final = (0.26862954, 0.26130258, 0.27577711)
"""Of red, green and blue in the released image processor (those of CLIP)."""
EARLY_S: Final = 0.001
"""A frame this much before the time asked for is the one meant."""


class BadRowError(ValueError):
    """A sample cannot be trained on; the message says why."""


def picture_patches(file: bytes, grid: Grid, stamp: Stamp) -> Bytes:
    """Return uint8[P, 1176], the patches of a picture at the size of its grid, PIL's bicubic.

    Four neighbouring rows are 2 x 2 patches; a patch is channels, two equal frames, rows and
    columns, in this order, as from the image processor of Qwen2-VL.

    Raises:
        BadRowError: when the file cannot be decoded or its size is not that of the grid.
    """
    try:
        picture = decode_rgb(file, LIMITS)
    except UndecodableError as error:
        raise BadRowError(f"a picture is {error}") from error
    height, width = picture.shape[:2]
    bounds = {"min_pixels": stamp.min_pixels, "max_pixels": stamp.max_pixels}
    try:
        size = smart_resize(height, width, **bounds)
    except ValueError as error:
        raise BadRowError(str(error)) from error
    _check("picture", Size(height, width), grid_thw(*size), grid)
    frame = _resized(picture, size)
    return patchify(np.stack([frame, frame]))


def video_patches(file: bytes, frame_times_s: npt.NDArray[np.float64], grid: Grid) -> Bytes:
    """Return uint8[P, 1176], the patches of a video's frames at the given times, ascending.

    Two frames share a patch; an odd last one is doubled.

    Raises:
        BadRowError: when a frame cannot be decoded or the frames do not fill the grid.
    """
    frames = video_frames(file, frame_times_s)
    height, width = frames[0].shape[:2]
    size = video_resize(len(frames), height, width)
    _check("video", Size(height, width), grid_thw(*size, frames=len(frames)), grid)
    resized = [_resized(frame, size) for frame in frames]
    return patchify(np.stack(resized + resized[-1:] * (len(frames) % TEMPORAL)))


def _check(medium: str, size: Size, grid: Grid, wanted: Grid) -> None:
    if grid != wanted:
        raise BadRowError(
            f"a {medium} of {size.width_px} x {size.height_px} px makes the grid {tuple(grid)}, "
            f"the sample was tokenized for {tuple(wanted)}"
        )


def _resized(frame: Bytes, size: Size) -> Bytes:
    if frame.shape[:2] == size:
        return frame
    picture = Image.fromarray(frame)
    return np.asarray(picture.resize((size.width_px, size.height_px), Image.Resampling.BICUBIC))


def video_frames(file: bytes, frame_times_s: npt.NDArray[np.float64]) -> list[Bytes]:
    """Return for each time the first frame shown then or later, uint8[H, W, 3], RGB.

    Raises:
        BadRowError: when there is no time, they do not ascend, or a frame is missing.
    """
    if len(frame_times_s) == 0 or np.any(np.diff(frame_times_s) < 0):
        raise BadRowError(f"a video's frame times must ascend, they are {frame_times_s.tolist()}")
    stream: Any = io.BytesIO(file)  # must outlive the video, which does not hold it
    one_thread = [cv2.CAP_PROP_N_THREADS, 1]  # a worker has one core
    video = cv2.VideoCapture(stream, cv2.CAP_FFMPEG, one_thread)
    frames: list[Bytes] = []
    try:
        while len(frames) < len(frame_times_s) and video.grab():
            shown_s = video.get(cv2.CAP_PROP_POS_MSEC) / 1000
            due = np.searchsorted(frame_times_s, shown_s + EARLY_S, side="right") - len(frames)
            if due > 0:
                found, frame = video.retrieve()
                if not found:
                    break
                frames.extend([cv2.cvtColor(frame, cv2.COLOR_BGR2RGB).astype(np.uint8)] * int(due))
    finally:
        video.release()
    if len(frames) < len(frame_times_s):
        raise BadRowError(
            f"a video has no frame at {frame_times_s[len(frames)]:.3f} s or cannot be decoded there"
        )
    return frames


def patchify(frames: Bytes) -> Bytes:
    """Return uint8[P, 1176] of uint8[F, H, W, 3], F even, H and W multiples of 28."""
    count, height, width, _ = frames.shape
    down, across = height // (MERGE * PATCH_PX), width // (MERGE * PATCH_PX)
    cells = frames.reshape(
        count // TEMPORAL, TEMPORAL, down, MERGE, PATCH_PX, across, MERGE, PATCH_PX, 3
    )
    return cells.transpose(0, 2, 5, 3, 6, 8, 1, 4, 7).reshape(-1, PATCH_VALUES)


def normalise(patches: Bytes, order: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """Return float32[P, 1176] of uint8[P, 1176]: (value / 255 - mean) / std of each channel.

    Bit for bit what transformers' PIL processor computes, by looking up each byte.

    Args:
        patches: uint8[P, 1176].
        order: int64[P / 4], which four neighbouring patches come first, second, ...
    """
    values = np.empty(patches.shape, np.float32)
    _look_up(patches.reshape(len(order), -1, CHANNEL_VALUES), order, _TABLES, values.reshape(-1))
    return values


@njit(cache=True, nogil=True)
def _look_up(tokens: Any, order: Any, tables: Any, values: Any) -> None:
    """Write the table's entry of each byte of tokens[order] in turn; a third of numpy's time."""
    place = 0
    for number in order:
        for channel in range(tokens.shape[1]):
            table = tables[channel % 3]
            for byte in tokens[number, channel]:
                values[place] = table[byte]
                place += 1


_LEVELS: Final = (np.arange(256, dtype=np.float64) * (1 / 255)).astype(np.float32)
_TABLES: Final = np.stack(
    [(_LEVELS - np.float32(mean)) / np.float32(std) for mean, std in zip(MEAN, STD, strict=True)]
)
