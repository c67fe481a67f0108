"""How much of a picture is a QR code: a compiled look for its three eyes, then OpenCV's detector.

The detector takes as long as decoding the picture three times over, so it is asked only where
rows and columns cross three squares like those in the corners of a code.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from numba import njit

Grey = npt.NDArray[np.uint8]

_EYE: Final = 7  # modules across an eye: dark, light, three dark, light, dark
_MIN_EYE_PX: Final = 12  # a code over a tenth of the picture has larger ones
_EYES: Final = 3
_EVERY: Final = 3  # rows: the middle of an eye is five pixels high and more
_MEAN_PX: Final = 41  # side of the square whose mean tells dark from light
_MARGIN: Final = 8  # grey levels below that mean: paper is not dark


def qr_share(grey: Grey) -> float:
    """Return the share of uint8[H, W] that a QR code covers, 0 without one.

    Source: ISO/IEC 18004:2015, section 6.3.3 (finder patterns, 1:1:3:1:1).
    """
    import cv2  # 0.1 s that most operators do not need

    if _eyes(grey, cv2.blur(grey, (_MEAN_PX, _MEAN_PX))) < _EYES:
        return 0.0
    found, corners = cv2.QRCodeDetector().detect(grey)
    return min(1.0, float(cv2.contourArea(corners)) / grey.size) if found else 0.0


@njit(cache=True, nogil=True)
def _eyes(grey: Any, mean: Any) -> Any:
    """Return how many squares like the eyes of a code uint8[H, W] holds, up to _EYES."""
    dark = np.empty(grey.shape, np.bool_)
    for y in range(grey.shape[0]):
        for x in range(grey.shape[1]):
            dark[y, x] = np.int32(grey[y, x]) + np.int32(_MARGIN) < np.int32(mean[y, x])
    places = np.zeros((_EYES, 2), np.int64)
    found = 0
    runs = np.zeros(5, np.int64)
    for y in range(0, dark.shape[0], _EVERY):
        runs[:] = 0
        for x in range(1, dark.shape[1] + 1):
            runs[4] += 1
            if x < dark.shape[1] and dark[y, x] == dark[y, x - 1]:
                continue
            size = runs.sum()
            middle = x - runs[4] - runs[3] - runs[2] // 2 - 1
            is_eye = dark[y, x - 1] and _is_eye(runs) and _crosses(dark[:, middle], y, size)
            if is_eye and _is_new(places[:found], y, middle, size):
                places[found] = y, middle
                found += 1
                if found == _EYES:
                    return found
            runs[:4] = runs[1:]
            runs[4] = 0
    return found


@njit(cache=True, nogil=True)
def _is_eye(runs: Any) -> Any:
    """Return whether five runs stand as 1:1:3:1:1, each within half a module and a pixel."""
    size = runs.sum()
    if size < _MIN_EYE_PX:
        return False
    module = size / _EYE
    slack = module / 2 + 0.5
    for place in range(5):
        wanted = 3 * module if place == 2 else module
        if abs(runs[place] - wanted) > slack:
            return False
    return True


@njit(cache=True, nogil=True)
def _crosses(line: Any, middle: Any, size: Any) -> Any:
    """Return whether a line crosses an eye of about that size at a place."""
    runs = np.zeros(5, np.int64)
    for way in (-1, 1):
        at, dark = middle if way < 0 else middle + 1, True
        for place in (2, 1, 0) if way < 0 else (2, 3, 4):
            while 0 <= at < len(line) and line[at] == dark:
                runs[place] += 1
                at += way
            dark = not dark
    return _is_eye(runs) and 0.6 * size <= runs.sum() <= 1.7 * size


@njit(cache=True, nogil=True)
def _is_new(places: Any, y: Any, x: Any, size: Any) -> Any:
    for place in range(len(places)):
        if abs(places[place, 0] - y) < size and abs(places[place, 1] - x) < size:
            return False
    return True
