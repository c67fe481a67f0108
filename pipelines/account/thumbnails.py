"""Thumbnails of pictures in the packs, small and few enough to stand inside one page."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass, field
from typing import Final

from PIL import Image

from pipelines.account.samples import Picture
from stages.decode import Limits, UndecodableError, decode_rgb
from stages.errors import StorageError
from stages.media import MediaStore

LIMITS: Final = Limits(max_pixels=40_000_000)
JPEG_QUALITY: Final = 72


def open_picture(store: MediaStore, picture: Picture, side_px: int) -> Image.Image | None:
    """Return a picture in RGB, at most `side_px` wide and high; None when it cannot be shown."""
    try:
        pixels = decode_rgb(store.read(picture.location), LIMITS)
    except (StorageError, UndecodableError):
        return None
    image = Image.fromarray(pixels)
    image.thumbnail((side_px, side_px), reducing_gap=2.0)
    return image


def data_uri(image: Image.Image) -> str:
    """Return a picture as a JPEG that stands in its own address."""
    data = io.BytesIO()
    image.save(data, "JPEG", quality=JPEG_QUALITY, optimize=True)
    return f"data:image/jpeg;base64,{base64.b64encode(data.getvalue()).decode()}"


@dataclass(kw_only=True)
class Thumbnails:
    """Thumbnails as data: URIs, each picture once, within a budget.

    Attributes:
        store: the run's packs.
        max_bytes: what all data: URIs may take together, bytes.
    """

    store: MediaStore
    max_bytes: int
    uris: dict[str, str] = field(default_factory=dict)
    _known: dict[tuple[str, int], str] = field(default_factory=dict)
    _bytes: int = 0

    def key(self, picture: Picture, side_px: int) -> str:
        """Return the key into `uris` of a picture's thumbnail, or "" when there is none."""
        name = (picture.sha256, side_px)
        if name not in self._known:
            self._known[name] = self._add(picture, side_px)
        return self._known[name]

    def _add(self, picture: Picture, side_px: int) -> str:
        if self._bytes >= self.max_bytes:
            return ""
        image = open_picture(self.store, picture, side_px)
        if image is None:
            return ""
        uri = data_uri(image)
        self._bytes += len(uri)
        key = f"t{len(self.uris)}"
        self.uris[key] = uri
        return key
