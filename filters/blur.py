"""Drop pictures that are out of focus, shaken, or blown up from much smaller ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from stages.picture_measures import measures_of
from stages.stage import Batch, Filter, Level, Limit, ScoreFn, Scores


@dataclass(frozen=True, kw_only=True)
class Blur(Filter):
    """Drops pictures that blurring hardly changes, for they are blurred already.

    The variance of the Laplacian, which is often taken for this, grows with the contrast of a
    picture and with what it shows; this measure is a share of the picture's own detail. It is
    taken with the short side reduced to 384 pixels, so it does not hang on the size of the file:
    a large photograph that is slightly soft at full size is sharp. Smooth gradients without any
    detail count as blurred. Measured: sharp photographs 0.19 to 0.42, charts, screens and pages
    0.04 to 0.4 (benchmarks/RESULTS.md).

    Pictures whose bytes are not there or cannot be decoded, and those of one colour, are not
    judged.

    Reads: media (type, status, sha256, location) and the bytes of pictures.
    Writes: score blur of each picture, from 0, sharp, to 1.
    Source: Crete et al. 2007, "The blur effect: perception and estimation with a new
        no-reference perceptual blur metric", doi:10.1117/12.702790; thresholds: Quern.

    Attributes:
        max_blur: largest kept.
    """

    reads: ClassVar[tuple[str, ...]] = ("media",)
    source: ClassVar[str] = "Crete et al. 2007, doi:10.1117/12.702790"
    levels: ClassVar[tuple[Level, ...]] = ("media",)
    over: Level = "media"
    max_blur: float = 0.65

    def limits(self) -> tuple[Limit, ...]:
        """Return the upper bound of the blur."""
        return (Limit(score="blur", max=self.max_blur),)

    def build(self) -> ScoreFn:
        """Return the function that measures the pictures."""

        def score(batch: Batch) -> Scores:
            return {"blur": measures_of(batch)["blur"]}

        return score
