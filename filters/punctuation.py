"""Drop texts with hardly any punctuation, such as lists of keywords and menus."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from stages.character_counts import count_marks
from stages.stage import Batch, Filter, Level, Limit, ScoreFn, Scores
from stages.tokens import share

_MARKS = ",;:?!."


@dataclass(frozen=True, kw_only=True)
class Punctuation(Filter):
    """Drop texts with few of the marks , ; : ? ! . among their words and marks.

    Here a word is a run of letters, digits, "_" and "'", so "3.5" is two words and a mark. Texts
    of fewer than `min_judged` words and marks are not judged, nor are texts mostly in scripts
    without spaces, which have marks of their own.

    Reads: messages.
    Writes: score punctuation_share in [0, 1], of words and marks.
    Source: Laurençon et al. 2023 (OBELICS), arXiv:2306.16527, appendix A, and its released
        code: 0.001 for paragraphs of 12 or more, 0.03 for documents.

    Attributes:
        over: whole documents or their text parts.
        min_share: of words and marks.
        min_judged: fewest words and marks of a text that is judged.
    """

    reads: ClassVar[tuple[str, ...]] = ("messages",)
    source: ClassVar[str] = "Laurençon et al. 2023, arXiv:2306.16527, appendix A"
    levels: ClassVar[tuple[Level, ...]] = ("sample", "text")
    min_share: float = 0.03
    min_judged: int = 1

    def limits(self) -> tuple[Limit, ...]:
        """Return the lower bound of the share."""
        return (Limit(score="punctuation_share", min=self.min_share),)

    def build(self) -> ScoreFn:
        """Return the function that gives the share."""

        def score(batch: Batch) -> Scores:
            tokens, over = batch.tokens(), self.over
            marks, words = count_marks(tokens.data, tokens.lines, _MARKS)
            marks = tokens.total(marks, "lines", over)
            every = tokens.total(words, "lines", over) + marks
            judged = (every >= self.min_judged) & ~tokens.unspaced(over)
            return {"punctuation_share": share(marks, np.where(judged, every, 0))}

        return score
