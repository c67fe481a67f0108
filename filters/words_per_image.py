"""Drop documents that are mostly pictures with hardly any words to each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from stages.stage import Batch, Filter, Limit, ScoreFn, Scores
from stages.tokens import share


@dataclass(frozen=True, kw_only=True)
class WordsPerImage(Filter):
    """Drop documents of many images with few words per image.

    - documents with more than 2 images need at least 50 words per image
    - documents with fewer images are not judged

    Reads: messages, media.
    Writes: score words_per_image, a ratio.
    Source: Li et al. 2024 (OmniCorpus), arXiv:2406.08418, section 3.3 and its released rules.

    Attributes:
        min_words_per_image: fewest kept.
        max_unjudged_images: up to so many images a document is not judged.
    """

    reads: ClassVar[tuple[str, ...]] = ("messages", "media")
    source: ClassVar[str] = "Li et al. 2024 (OmniCorpus), arXiv:2406.08418, section 3.3"
    min_words_per_image: float = 50
    max_unjudged_images: int = 2

    def limits(self) -> tuple[Limit, ...]:
        """Return the lower bound."""
        return (Limit(score="words_per_image", min=self.min_words_per_image),)

    def build(self) -> ScoreFn:
        """Return the function that gives the ratio."""

        def score(batch: Batch) -> Scores:
            media = batch.media()
            is_image = media.column("type").to_numpy(zero_copy_only=False) == "image"
            images = np.bincount(media.row[is_image], minlength=len(batch))
            words = batch.tokens().count("words", "sample")
            judged = np.where(images > self.max_unjudged_images, images, 0)
            return {"words_per_image": share(words, judged)}

        return score
