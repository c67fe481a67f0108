"""How much a picture shows for its size: grey levels, detail, and what of it is only text.

Two measures that fail in different places are taken together. The entropy of the grey levels
does not see where they stand: a smooth slope of brightness has all of them. The bits of a JPEG
count detail at every scale and see no levels: two-coloured print has many. Noise has both.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from stages.picture_kernels import entropy_bits, text_share

SIDE_PX: Final = 256
"""Pictures are measured at a size whose short side is this to twice this long."""
JPEG_QUALITY: Final = 75
FULL_ENTROPY: Final = 7.0
"""Bits per pixel; the middle one of 19 photographs has 7.4."""
FULL_DETAIL: Final = 1.0
"""Bits per pixel of a JPEG; the middle one of 19 photographs has 1.0, charts 0.6, drawings 0.4."""
_EMPTY_BITS: Final = 0.07  # per pixel of a picture of one colour: its blocks have to say so


@dataclass(frozen=True, kw_only=True)
class Information:
    """What was measured of a picture.

    Attributes:
        entropy: of the grey levels, bits per pixel, 0 to 8.
        detail: bits per pixel of a JPEG of it, beyond those of an empty picture.
        text: share of its area that looks like lines of text, 0 to 1.
    """

    entropy: float
    detail: float
    text: float

    @property
    def share(self) -> float:
        """What it shows beside text, of what a photograph of its size does, 0 to 1."""
        levels = min(1.0, self.entropy / FULL_ENTROPY)
        detail = min(1.0, self.detail / FULL_DETAIL)
        return math.sqrt(levels * detail) * (1 - self.text)


def picture_information(grey: npt.NDArray[np.uint8]) -> Information:
    """Measure uint8[H, W], a picture of any size.

    Source: Machado et al. 2015, "Computerized measures of visual complexity" (the size of a
    JPEG as complexity); Shannon 1948 (entropy).
    """
    image = Image.fromarray(grey).reduce(max(1, min(grey.shape) // SIDE_PX))
    small = np.ascontiguousarray(image)
    return Information(
        entropy=entropy_bits(small), detail=_detail_bits(image), text=text_share(small)
    )


def _detail_bits(image: Image.Image) -> float:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=JPEG_QUALITY)
    body = file.getvalue().rpartition(b"\xff\xda")[2]  # behind the tables
    return max(0.0, 8 * len(body) / (image.width * image.height) - _EMPTY_BITS)
