"""Drop pictures that repeat their text or have no bearing on it; keep those that add to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final, Literal, cast

import numpy as np

from stages.elements import Floats, MediaList
from stages.media_scores import mean_scores, media_scores, sample_means
from stages.stage import Batch, Filter, Level, Limit, ScoreFn, Scores

SOON: Final = 8
"""A picture is new to its text once it is held by an eighth of the span less than a told one."""
BEARING: Final = {"clip.best": 1.0, "clip.near": 1.0, "clip.document": 1.0}


@dataclass(frozen=True, kw_only=True)
class Complementarity(Filter):
    """Keep pictures that are about what the text is about and show what it does not say.

    Relevance rewards overlap; this must not. Each estimator takes novelty times bearing, and
    gives a document the mean of its pictures. What was not measured is not judged.

    - "residual": novelty is 0 where the sentences together hold the picture's CLIP embedding
      as well as a caption that says all does (`told_cosine`), and soon 1 where they hold less;
      bearing is its relevance, the mean of its cosines with the best sentence, those around
      and the text as a whole, from 0 at `stray_cosine` to 1 at `told_cosine`. It rewards
      pictures that the text is much about without describing them. It fails on what CLIP does
      not see: the numbers in a chart are no novelty to it, and a text that keeps naming the
      theme of a decoration gives it a bearing.
    - "information_gain": novelty is how much more the picture helps Qwen-VL to foretell its own
      description than the text around it (gain.facts less gain.text, nats per token); bearing is
      1 where it helps with the text at all (gain.text above 0), else 0. It rewards pictures
      that help with the text a little and show much besides. It fails where a picture has no
      description, or one that says little, and where gains of a few tokens are noise.
    - "propositions": propositions.score, the harmonic mean of the shares of facts that only the
      picture and only the text holds, 0 where they share no entity. It rewards pairs in which
      each side has something of its own. It fails with the judge that counts the facts, and is
      coarse where there are few.

    Reads: media (scores, as EmbedClip, InformationGain or Propositions of `stages` writes them).
    Writes: score complementarity; in [0, 1], for information_gain in nats per token, >= 0.
    Source: Bai et al. 2025, arXiv:2502.13923, section 2.2.1 (image-text complementarity, which
        gives no measure); arXiv:2602.17186 (visual information gain); the others are Quern's.

    Attributes:
        over: pictures, or documents by the mean of their pictures.
        estimator: "residual", "information_gain" or "propositions".
        min_score: least kept, on the scale of the estimator.
        stray_cosine: of "residual": the relevance of pictures that have no bearing.
        told_cosine: of "residual": the cosine of pictures with a text that says all, with all
            sentences together.
    """

    reads: ClassVar = ("media",)
    source: ClassVar = "Qwen2.5-VL, arXiv:2502.13923, section 2.2.1; arXiv:2602.17186"
    levels: ClassVar[tuple[Level, ...]] = ("media", "sample")
    over: Level = "media"
    estimator: Literal["residual", "information_gain", "propositions"] = "residual"
    min_score: float = 0.1
    stray_cosine: float = 0.15
    told_cosine: float = 0.35

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.estimator not in _ESTIMATORS:
            raise ValueError(
                f"estimator is {self.estimator!r}, it must be one of {list(_ESTIMATORS)}"
            )
        if not 0 <= self.stray_cosine < self.told_cosine <= 1:
            raise ValueError(
                f"stray_cosine {self.stray_cosine} must be below told_cosine "
                f"{self.told_cosine}, both in [0, 1]"
            )

    def limits(self) -> tuple[Limit, ...]:
        """Return the least complementarity."""
        return (Limit(score="complementarity", min=self.min_score),)

    def build(self) -> ScoreFn:
        """Return the function that combines the measurements."""
        estimate = _ESTIMATORS[self.estimator]

        def score(batch: Batch) -> Scores:
            media = batch.media()
            found = estimate(self, media).astype(np.float32)
            is_sample = self.over == "sample"
            return {
                "complementarity": sample_means(media, found, len(batch)) if is_sample else found
            }

        return score


def _residual(options: Complementarity, media: MediaList) -> Floats:
    relevance = mean_scores(media, BEARING)
    held = np.sqrt(1 - media_scores(media, "clip.residual"))  # cosine with all sentences together
    span = options.told_cosine - options.stray_cosine
    bearing = np.clip((relevance - options.stray_cosine) / span, 0, 1)
    return cast(Floats, bearing * np.clip((options.told_cosine - held) / span * SOON, 0, 1))


def _information_gain(options: Complementarity, media: MediaList) -> Floats:
    facts, text = media_scores(media, "gain.facts"), media_scores(media, "gain.text")
    return cast(Floats, np.maximum(facts - text, 0) * np.sign(np.maximum(text, 0)))


def _propositions(options: Complementarity, media: MediaList) -> Floats:
    return media_scores(media, "propositions.score")


_ESTIMATORS = {
    "residual": _residual,
    "information_gain": _information_gain,
    "propositions": _propositions,
}
