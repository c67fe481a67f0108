"""What a look at the pixels of a picture tells: measured once per picture, read by many filters.

Decoding takes longer than all measures together, and the pictures of a task do not fit into
memory. So whoever asks first for one number of a picture has all of them measured; the few
numbers are kept, the pixels are not.

The picture is looked at with its short side reduced to 384 pixels, in colour or grey. So a
measure does not depend on the size at which a page happens to serve a picture, and a JPEG is
decoded at a fraction of its size.
"""

from __future__ import annotations

from functools import cache
from types import ModuleType
from typing import Final

import numpy as np

from stages.decode import Limits, decode_reduced
from stages.elements import Floats
from stages.media import Location
from stages.picture_kernels import blur, commonest_share, edge_share, entropy_bits, text_share
from stages.pictures import Measures, Pixels
from stages.qr_codes import qr_share
from stages.stage import Batch

SIDE_PX: Final = 384
LIMITS: Final = Limits()
NAMES: Final = ("commonest", "entropy_bits", "edges", "blur", "text", "qr_code")
"""Measures of a picture: see the functions of stages.picture_kernels and stages.qr_codes."""


def measures_of(batch: Batch) -> dict[str, Floats]:
    """Return each of NAMES as float32[M] over the media of a batch.

    NaN for videos, for pictures whose bytes are not in the packs or cannot be decoded, and for
    what a picture does not have.
    """
    media = batch.media()
    sha256, places = media.column("sha256"), media.column("location")
    found = np.full((len(media), len(NAMES)), np.nan, np.float32)
    for at in np.flatnonzero(media.stored_pictures).tolist():

        def read(at: int = at) -> Measures:
            return measure(batch.store.read(Location(**places[at].as_py())))

        found[at] = batch.pictures.measured(sha256[at].as_py(), read)
    return {name: found[:, place] for place, name in enumerate(NAMES)}


def measure(data: bytes) -> Measures:
    """Return float32[6], the measures of an encoded picture; NaN where it cannot be decoded."""
    _, pixels = decode_reduced(data, LIMITS, SIDE_PX)
    if pixels is None:
        return np.full(len(NAMES), np.nan, np.float32)
    pixels = reduced(pixels)
    grey = _opencv().cvtColor(pixels, _opencv().COLOR_RGB2GRAY)
    values = (
        commonest_share(pixels),
        entropy_bits(grey),
        edge_share(grey),
        blur(grey),
        text_share(grey),
        qr_share(grey),
    )
    return np.array(values, np.float32)


def reduced(pixels: Pixels) -> Pixels:
    """Return uint8[H, W, 3] of which no short side is longer than SIDE_PX, by averaging."""
    height, width, _ = pixels.shape
    factor = SIDE_PX / min(height, width)
    if factor >= 1:
        return pixels
    size = round(width * factor), round(height * factor)
    small: Pixels = _opencv().resize(pixels, size, interpolation=_opencv().INTER_AREA)
    return small


@cache
def _opencv() -> ModuleType:
    import cv2  # 0.1 s that most operators do not need

    cv2.setNumThreads(1)  # workers take a core each
    return cv2
