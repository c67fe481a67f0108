"""Width and height of the images of a table, as arrays."""

from __future__ import annotations

import numpy as np

from stages.elements import Floats, MediaList


def sides_of(media: MediaList) -> tuple[Floats, Floats]:
    """Return float32[M] width and float32[M] height, pixels; NaN for videos and unknown sizes."""
    is_image = media.column("type").to_numpy(zero_copy_only=False) == "image"
    width, height = (
        media.column(name).to_numpy(zero_copy_only=False).astype(np.float32)
        for name in ("width_px", "height_px")
    )
    nan = np.float32(np.nan)
    return np.where(is_image, width, nan), np.where(is_image, height, nan)
