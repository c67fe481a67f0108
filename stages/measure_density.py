"""Measure how much each picture shows for its size; `filters.density_balance` reads it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from stages.decode import Limits, decode_grey
from stages.elements import Floats, MediaList, add_scores, with_media
from stages.media import Location
from stages.picture_information import SIDE_PX, Information, picture_information
from stages.stage import Batch, Stage, StageFn

LIMITS = Limits()


@dataclass(frozen=True, kw_only=True)
class MeasureDensity(Stage):
    """Measures the pictures that are stored, each content once per batch.

    A picture that cannot be decoded is not measured. What is measured hardly depends on the
    size of a picture: JPEGs are decoded at a fraction of it.

    Reads: media (type, status, sha256, location) and their bytes.
    Writes: into the scores of media, float32:
        density.entropy, of the grey levels, bits per pixel, in [0, 8];
        density.detail, bits per pixel of a JPEG beyond those of an empty picture, >= 0;
        density.text, share of the area that looks like lines of text, in [0, 1];
        density.information, what it shows beside text, of what a photograph of its size does,
        in [0, 1].
    Source: Quern; Bai et al. 2025, arXiv:2502.13923, section 2.2.1 (information density);
        `stages.picture_information` for the measures.
    """

    reads: ClassVar = ("media",)
    writes: ClassVar = ("media",)
    source: ClassVar = "Quern; Qwen2.5-VL technical report, arXiv:2502.13923, section 2.2.1"

    def build(self) -> StageFn:
        """Return the function that measures the pictures of a batch."""

        def measure(batch: Batch) -> Batch:
            media = batch.media()
            scores = {f"density.{name}": each for name, each in _measured(batch, media).items()}
            table = with_media(batch.table, add_scores(media.values, scores))
            return batch.with_table(table, same_texts=True)

        return measure


def _measured(batch: Batch, media: MediaList) -> dict[str, Floats]:
    """Return each measurement as float32[M], NaN where a medium has none."""
    sha256, places = media.column("sha256"), media.column("location")
    known: dict[str, Information | None] = {}
    names = ("entropy", "detail", "text", "information")
    found = {name: np.full(len(media), np.nan, np.float32) for name in names}
    for at in np.flatnonzero(media.stored_pictures).tolist():
        name = sha256[at].as_py()
        if name not in known:
            known[name] = _information(batch, Location(**places[at].as_py()))
        if (seen := known[name]) is not None:
            for measure in ("entropy", "detail", "text"):
                found[measure][at] = getattr(seen, measure)
            found["information"][at] = seen.share
    return found


def _information(batch: Batch, place: Location) -> Information | None:
    _, grey = decode_grey(batch.store.read(place), LIMITS, SIDE_PX)
    return None if grey is None else picture_information(grey)
