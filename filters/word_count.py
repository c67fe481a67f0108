"""Drop texts with too few or too many words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from stages.stage import Batch, Filter, Level, Limit, ScoreFn, Scores


@dataclass(frozen=True, kw_only=True)
class WordCount(Filter):
    """Drop documents, or text parts, outside a range of words.

    - Gopher: documents of 50 to 100,000 words
    - OBELICS: paragraphs of 4 to 1,000 words, documents of 10 to 2,000

    Words are those of `stages.tokens`: ideographs and kana count one by one.

    Reads: messages.
    Writes: score words, a count.
    Source: Rae et al. 2021, arXiv:2112.11446, appendix A.1.1; Laurençon et al. 2023 (OBELICS),
        arXiv:2306.16527, appendix A.

    Attributes:
        over: whole documents or their text parts.
        min_words: fewest kept.
        max_words: most kept.
    """

    reads: ClassVar[tuple[str, ...]] = ("messages",)
    source: ClassVar[str] = "Rae et al. 2021, arXiv:2112.11446, A.1.1; OBELICS, arXiv:2306.16527"
    levels: ClassVar[tuple[Level, ...]] = ("sample", "text")
    min_words: int = 50
    max_words: int = 100_000

    def limits(self) -> tuple[Limit, ...]:
        """Return the range of words."""
        return (Limit(score="words", min=self.min_words, max=self.max_words),)

    def build(self) -> ScoreFn:
        """Return the function that counts words."""

        def score(batch: Batch) -> Scores:
            return {"words": batch.tokens().count("words", self.over).astype(np.float32)}

        return score
