"""Drop pictures with words or marks printed across them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from stages.engines.watermark import WatermarkHead
from stages.head_scores import head_scores
from stages.stage import Batch, Filter, Level, Limit, ScoreFn, Scores


@dataclass(frozen=True, kw_only=True)
class Watermark(Filter):
    """Drops pictures that a watermark head on their CLIP embeddings finds marked.

    - LAION-5B tags pictures as watermarked from 0.8 on

    Of 405 pictures of OmniCorpus 8 % bore a watermark after all its filters. Pictures without an
    embedding are not judged.

    Reads: media (sha256), `embedding.clip`.
    Writes: score watermark of each picture, a probability in [0, 1].
    Source: Schuhmann et al. 2022 (LAION-5B), arXiv:2210.08402, section 3.2; Li et al. 2024
        (OmniCorpus), arXiv:2406.08418, table of the audit.

    Attributes:
        head: the weights; they must be made for the CLIP model that wrote the embeddings.
        max_probability: largest kept.
    """

    reads: ClassVar[tuple[str, ...]] = ("media", "embedding.clip")
    source: ClassVar[str] = "Schuhmann et al. 2022 (LAION-5B), arXiv:2210.08402, section 3.2"
    levels: ClassVar[tuple[Level, ...]] = ("media",)
    over: Level = "media"
    head: WatermarkHead = WatermarkHead()  # noqa: RUF009  it is frozen
    max_probability: float = 0.8

    def check(self) -> None:
        """Look whether the head's weights are there.

        Raises:
            NotReadyError: when they are not.
        """
        self.head.check()

    def limits(self) -> tuple[Limit, ...]:
        """Return the upper bound of the probability."""
        return (Limit(score="watermark", max=self.max_probability),)

    def build(self) -> ScoreFn:
        """Load the head and return the function that looks for marks."""
        head = self.head.load()

        def score(batch: Batch) -> Scores:
            return {"watermark": head_scores(batch, head)}

        return score
