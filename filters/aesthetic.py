"""Drop pictures that people would not find pleasing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from stages.engines.aesthetic import AestheticHead
from stages.head_scores import head_scores
from stages.stage import Batch, Filter, Level, Limit, ScoreFn, Scores


@dataclass(frozen=True, kw_only=True)
class Aesthetic(Filter):
    """Drops pictures that an aesthetic head on their CLIP embeddings rates low.

    - OmniCorpus: at least 3.7 by LAION's head on ViT-L/14

    Such heads learnt from photographs and art. They rate diagrams, charts and pages low however
    much these tell, so a recipe that wants them takes a lower bound. Pictures without an
    embedding are not judged.

    Reads: media (sha256), `embedding.clip`.
    Writes: score aesthetic of each picture, about 1 to 10.
    Source: Li et al. 2024 (OmniCorpus), arXiv:2406.08418, section 3.3; the head is LAION's
        improved aesthetic predictor.

    Attributes:
        head: the weights; they must be made for the CLIP model that wrote the embeddings.
        min_score: smallest kept.
    """

    reads: ClassVar[tuple[str, ...]] = ("media", "embedding.clip")
    source: ClassVar[str] = "Li et al. 2024 (OmniCorpus), arXiv:2406.08418, section 3.3"
    levels: ClassVar[tuple[Level, ...]] = ("media",)
    over: Level = "media"
    head: AestheticHead = AestheticHead()  # noqa: RUF009  it is frozen
    min_score: float = 3.7

    def check(self) -> None:
        """Look whether the head's weights are there.

        Raises:
            NotReadyError: when they are not.
        """
        self.head.check()

    def limits(self) -> tuple[Limit, ...]:
        """Return the lower bound of the rating."""
        return (Limit(score="aesthetic", min=self.min_score),)

    def build(self) -> ScoreFn:
        """Load the head and return the function that rates the pictures."""
        head = self.head.load()

        def score(batch: Batch) -> Scores:
            return {"aesthetic": head_scores(batch, head)}

        return score
