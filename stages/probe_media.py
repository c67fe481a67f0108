"""Make sure that every fetched picture decodes, under limits; write its size and type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stages.decode import Limits, Probe, verify
from stages.elements import Mask, MediaList, set_field, with_media
from stages.media import Location
from stages.stage import Batch, Stage, StageFn


@dataclass(frozen=True, kw_only=True)
class ProbeMedia(Stage):
    """Looks through the pictures whose status is "ok"; equal ones once per batch.

    All of a file is read, but its pixels are made only where nothing less shows that they can
    be: most pictures are dropped by their size, and those that are not decode fast.

    Reads: media (type, status, sha256, location) and the bytes in the run's media folder.
    Writes: media: width_px and height_px int32 as shown, after EXIF orientation; mime as the
        bytes show it; status "ok", "too large", "too many pixels", "too many frames",
        "truncated", "unreadable" or "unsupported <mime>".
    Source: Quern; EXIF 2.32 tag 274 (orientation).

    Attributes:
        max_bytes: largest file read, bytes.
        max_pixels: most pixels, width times height.
        max_frames: most frames of an animation.
    """

    reads: ClassVar = ("media",)
    writes: ClassVar = ("media",)
    source: ClassVar = "Quern; EXIF 2.32, tag 274"

    max_bytes: int = 20_000_000
    max_pixels: int = 100_000_000
    max_frames: int = 1_000

    def __post_init__(self) -> None:
        for name in ("max_bytes", "max_pixels", "max_frames"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")

    def build(self) -> StageFn:
        """Return the function that probes the pictures of a batch."""
        limits = Limits(
            max_bytes=self.max_bytes, max_pixels=self.max_pixels, max_frames=self.max_frames
        )

        def apply(batch: Batch) -> Batch:
            media = batch.media()
            wanted = media.stored_pictures
            number, probes = _probe_all(batch, media, wanted, limits)
            if not probes:
                return batch
            return _write(batch, media, wanted, number, probes)

        return apply


def _probe_all(
    batch: Batch, media: MediaList, wanted: Mask, limits: Limits
) -> tuple[list[int], list[Probe]]:
    """Return, for each wanted medium, its number among the distinct ones; and their probes."""
    chosen = pa.array(wanted)
    hashes = media.column("sha256").filter(chosen).to_pylist()
    places = media.column("location").filter(chosen).to_pylist()
    distinct = dict(zip(hashes, places, strict=True))
    number = {sha256: index for index, sha256 in enumerate(distinct)}
    contents = batch.store.read_all(Location(**place) for place in distinct.values())
    probes = [verify(data, limits) for data in contents]
    return [number[sha256] for sha256 in hashes], probes


def _write(
    batch: Batch, media: MediaList, wanted: Mask, number: list[int], probes: list[Probe]
) -> Batch:
    at = np.full(len(media), -1, np.int64)
    at[wanted] = number
    index = pa.array(at, mask=at < 0)
    told = {
        "width_px": pa.array([probe.width_px or None for probe in probes], pa.int32()),
        "height_px": pa.array([probe.height_px or None for probe in probes], pa.int32()),
        "mime": pa.array([probe.mime for probe in probes], pa.string()),
        "status": pa.array([probe.status for probe in probes], pa.string()),
    }
    values = media.values
    for name, column in told.items():
        new = pc.if_else(pa.array(wanted), column.take(index), values.field(name))
        values = set_field(values, name, new)
    return batch.with_table(with_media(batch.table, values))
