"""Drop images that are very small or very large."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from stages.picture_sides import sides_of
from stages.stage import Batch, Filter, Level, Limit, ScoreFn, Scores


@dataclass(frozen=True, kw_only=True)
class ImageSize(Filter):
    """Drops images with a side outside a range; those of unknown size are not judged.

    - OBELICS and MINT-1T: sides of 150 to 20,000 pixels
    - OmniCorpus: sides of at least 150 pixels

    Reads: media (type, width_px, height_px).
    Writes: scores short_side_px and long_side_px of each image.
    Source: Laurençon et al. 2023, arXiv:2306.16527 (OBELICS), appendix A; Awadalla et al. 2024,
        arXiv:2406.11271 (MINT-1T), section 2; Li et al. 2024, arXiv:2406.08418 (OmniCorpus),
        section 3.

    Attributes:
        min_side_px: shortest side kept, pixels.
        max_side_px: longest side kept, pixels.
    """

    reads: ClassVar = ("media",)
    source: ClassVar = "OBELICS, arXiv:2306.16527; MINT-1T, arXiv:2406.11271"
    levels: ClassVar[tuple[Level, ...]] = ("media",)

    over: Level = "media"
    min_side_px: int = 150
    max_side_px: int = 20_000

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.min_side_px <= self.max_side_px:
            raise ValueError(f"{self.min_side_px=} must lie in [1, {self.max_side_px=}]")

    def limits(self) -> tuple[Limit, ...]:
        """Return the range of the sides."""
        return (
            Limit(score="short_side_px", min=self.min_side_px),
            Limit(score="long_side_px", max=self.max_side_px),
        )

    def build(self) -> ScoreFn:
        """Return the function that compares the sides."""

        def score(batch: Batch) -> Scores:
            width, height = sides_of(batch.media())
            return {
                "short_side_px": np.minimum(width, height),
                "long_side_px": np.maximum(width, height),
            }

        return score
