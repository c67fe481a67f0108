"""Drop images that are very long for their width."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from stages.picture_sides import sides_of
from stages.stage import Batch, Filter, Level, Limit, ScoreFn, Scores


@dataclass(frozen=True, kw_only=True)
class ImageAspectRatio(Filter):
    """Drops banners and rules by their shape; images of unknown size are not judged.

    - OBELICS, OmniCorpus, MINT-1T (HTML): at most 2

    Reads: media (type, width_px, height_px).
    Writes: score aspect_ratio of each image: long side / short side, at least 1.
    Source: Laurençon et al. 2023, arXiv:2306.16527 (OBELICS), appendix A; Li et al. 2024,
        arXiv:2406.08418 (OmniCorpus), section 3; Awadalla et al. 2024, arXiv:2406.11271
        (MINT-1T), section 2.

    Attributes:
        max_aspect_ratio: largest ratio of the long to the short side kept.
    """

    reads: ClassVar = ("media",)
    source: ClassVar = "OBELICS, arXiv:2306.16527; OmniCorpus, arXiv:2406.08418"
    levels: ClassVar[tuple[Level, ...]] = ("media",)

    over: Level = "media"
    max_aspect_ratio: float = 2.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.max_aspect_ratio < 1:
            raise ValueError(
                f"max_aspect_ratio is long side / short side and must be at least 1, "
                f"got {self.max_aspect_ratio}"
            )

    def limits(self) -> tuple[Limit, ...]:
        """Return the largest ratio."""
        return (Limit(score="aspect_ratio", max=self.max_aspect_ratio),)

    def build(self) -> ScoreFn:
        """Return the function that divides the sides."""

        def score(batch: Batch) -> Scores:
            width, height = sides_of(batch.media())
            ratio = np.maximum(width, height) / np.minimum(width, height)
            return {"aspect_ratio": ratio.astype(np.float32)}

        return score
