"""Drop pictures that have nothing to do with their document, by CLIP; or documents of such."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final, Literal

from stages.media_scores import mean_scores, media_scores, sample_means
from stages.stage import Batch, Filter, Level, Limit, ScoreFn, Scores

MEASURES: Final = ("best", "near", "document")
WEIGHTS: Final = {"clip.best": 3.0, "clip.near": 1.0, "clip.document": 1.0}
"""Of "mean". The best sentence tells what is named at all from what is not, the others what the
text is about from what it names in passing."""


@dataclass(frozen=True, kw_only=True)
class ClipRelevance(Filter):
    """Keep pictures that the text speaks of, and documents whose pictures it speaks of.

    Over media, pictures below `min_score` leave their document; over sample, put behind it, a
    document is judged by what remains: the mean of its pictures. Pictures that were not
    measured are not judged, nor are documents without any that was.

    - "best": the sentence of the document that the picture is most like, wherever it stands.
    - "near": the sentences around it, the nearer ones weighing more. A caption among sentences
      about other things lowers it.
    - "document": the text as a whole. It sees decoration in the spirit of the text as relevant.
    - "mean": of what of the three was measured, in which "best" weighs three times as much as
      each of the others. With the tiny CLIP, on made documents, it tells both what the text is
      about from what it names in passing, and this from what it does not name; each of the
      others fails one of the two.

    All fail on what CLIP does not know: numbers in charts, small print, names. What a cosine
    means differs from model to model; for ViT-L/14 matching pairs lie at 0.2 to 0.3.

    Reads: media (scores, as stages.embed_clip.EmbedClip writes them).
    Writes: score relevance, a cosine in [-1, 1].
    Source: Bai et al. 2025, arXiv:2502.13923, section 2.2.1 (image-text relevance); Zhu et al.
        2023, arXiv:2304.06939, section 3 (Multimodal C4 drops pictures below 0.15).

    Attributes:
        over: pictures, or documents by the mean of their pictures.
        measure: "best", "near", "document" or "mean".
        min_score: least kept, a cosine in [0, 1].
    """

    reads: ClassVar = ("media",)
    source: ClassVar = "Qwen2.5-VL, arXiv:2502.13923, section 2.2.1; MMC4, arXiv:2304.06939"
    levels: ClassVar[tuple[Level, ...]] = ("media", "sample")
    over: Level = "media"
    measure: Literal["best", "near", "document", "mean"] = "best"
    min_score: float = 0.15

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.measure not in ("mean", *MEASURES):
            raise ValueError(f"measure is {self.measure!r}, it must be 'mean' or of {MEASURES}")
        if self.min_score > 1:
            raise ValueError(f"min_score is a cosine and must lie in [0, 1], got {self.min_score}")

    def limits(self) -> tuple[Limit, ...]:
        """Return the least cosine."""
        return (Limit(score="relevance", min=self.min_score),)

    def build(self) -> ScoreFn:
        """Return the function that reads the cosines."""

        def score(batch: Batch) -> Scores:
            media = batch.media()
            if self.measure == "mean":
                found = mean_scores(media, WEIGHTS)
            else:
                found = media_scores(media, f"clip.{self.measure}")
            is_sample = self.over == "sample"
            return {"relevance": sample_means(media, found, len(batch)) if is_sample else found}

        return score
