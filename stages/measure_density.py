"""Measure how much each picture shows for its size; `filters.density_balance` reads it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final, cast

import numpy as np

from stages.elements import Floats, add_scores, with_media
from stages.picture_measures import measures_of
from stages.stage import Batch, Stage, StageFn

FULL_ENTROPY: Final = 7.0
"""Bits; the middle one of 19 photographs has 7.4, charts 1.9, drawings 1.4."""
FULL_EDGES: Final = 0.05
"""Share of pixels; the middle one of 19 photographs has 0.05, charts 0.07, drawings 0.03."""


@dataclass(frozen=True, kw_only=True)
class MeasureDensity(Stage):
    """Writes what the pictures that are stored show, of what a photograph of their size does.

        information = sqrt(min(1, entropy / 7) * min(1, edges / 0.05)) * (1 - text)

    Two measures that fail in different places are taken together: the entropy of the grey
    levels does not see where they stand (a smooth slope of brightness has all of them), edges
    see no levels (print of two colours has many). What looks like text in a picture is no
    picture: a screenshot of text shows little. Noise has everything, there both fail.

    Reads: media (type, status, sha256, location) and their bytes.
    Writes: into the scores of media, float32:
        density.entropy, of the grey levels, bits per pixel, in [0, 8];
        density.edges, share of the pixels that stand out from their neighbours, in [0, 1];
        density.text, share of the area that looks like lines of text, in [0, 1];
        density.information, in [0, 1].
    Source: Quern; Bai et al. 2025, arXiv:2502.13923, section 2.2.1 (information density);
        `stages.picture_measures` for the measures.
    """

    reads: ClassVar = ("media",)
    writes: ClassVar = ("media",)
    source: ClassVar = "Quern; Qwen2.5-VL technical report, arXiv:2502.13923, section 2.2.1"

    def build(self) -> StageFn:
        """Return the function that measures the pictures of a batch."""

        def measure(batch: Batch) -> Batch:
            found = measures_of(batch)
            entropy, edges, text = found["entropy_bits"], found["edges"], found["text"]
            scores = {
                "density.entropy": entropy,
                "density.edges": edges,
                "density.text": text,
                "density.information": information(entropy, edges, text),
            }
            table = with_media(batch.table, add_scores(batch.media().values, scores))
            return batch.with_table(table, same_texts=True)

        return measure


def information(entropy: Floats, edges: Floats, text: Floats) -> Floats:
    """Return float32[M], in [0, 1]; NaN where a measure is.

    Args:
        entropy: float32[M], of the grey levels, bits per pixel.
        edges: float32[M], share of the pixels.
        text: float32[M], share of the area.
    """
    levels, detail = np.minimum(1, entropy / FULL_ENTROPY), np.minimum(1, edges / FULL_EDGES)
    return cast(Floats, (np.sqrt(levels * detail) * (1 - text)).astype(np.float32))
