"""Drop documents with too few or too many images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from stages.stage import Batch, Filter, Limit, ScoreFn, Scores


@dataclass(frozen=True, kw_only=True)
class ImageCount(Filter):
    """Drop documents outside a range of images.

    - OBELICS: 1 to 30 images; MINT-1T drops HTML documents with none and with more than 30

    Reads: media.
    Writes: score images, a count.
    Source: Laurençon et al. 2023 (OBELICS), arXiv:2306.16527, appendix A; Awadalla et al. 2024
        (MINT-1T), arXiv:2406.11271, section 2.

    Attributes:
        min_images: fewest kept.
        max_images: most kept.
    """

    reads: ClassVar[tuple[str, ...]] = ("media",)
    source: ClassVar[str] = "OBELICS, arXiv:2306.16527; MINT-1T, arXiv:2406.11271"
    min_images: int = 1
    max_images: int = 30

    def limits(self) -> tuple[Limit, ...]:
        """Return the range of images."""
        return (Limit(score="images", min=self.min_images, max=self.max_images),)

    def build(self) -> ScoreFn:
        """Return the function that counts images."""

        def score(batch: Batch) -> Scores:
            media = batch.media()
            is_image = media.column("type").to_numpy(zero_copy_only=False) == "image"
            images = np.bincount(media.row[is_image], minlength=len(batch))
            return {"images": images.astype(np.float32)}

        return score
