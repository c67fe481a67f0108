"""Drop texts that say the same few words in a row again and again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from stages.repeated_ngrams import repeated_words
from stages.stage import Batch, Filter, Level, Limit, ScoreFn, Scores
from stages.tokens import core_hashes, share


@dataclass(frozen=True, kw_only=True)
class WordRepetition(Filter):
    """Drop texts by the share of their n-grams of words that occur more than once.

    Words are compared without their case and the marks around them; marks alone are no words.
    Texts of fewer than n words are not judged, nor those mostly in scripts without spaces, where
    a character counts as a word. `filters.text_repetition` has Gopher's shares of characters.

    Reads: messages.
    Writes: score word_repetition_share in [0, 1], of all n-grams.
    Source: Laurençon et al. 2023 (OBELICS), arXiv:2306.16527, appendix A: 0.1 for paragraphs,
        0.2 for documents. There a number is no word.

    Attributes:
        over: whole documents or their text parts.
        max_share: of all n-grams.
        ngram_words: n.
    """

    reads: ClassVar[tuple[str, ...]] = ("messages",)
    source: ClassVar[str] = "Laurençon et al. 2023, arXiv:2306.16527, appendix A"
    levels: ClassVar[tuple[Level, ...]] = ("sample", "text")
    max_share: float = 0.2
    ngram_words: int = 5

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.ngram_words < 1:
            raise ValueError(f"ngram_words is {self.ngram_words}, it must be at least 1")

    def limits(self) -> tuple[Limit, ...]:
        """Return the upper bound of the share."""
        return (Limit(score="word_repetition_share", max=self.max_share),)

    def build(self) -> ScoreFn:
        """Return the function that gives the share."""
        of_marks = core_hashes(("-",))[0]

        def score(batch: Batch) -> Scores:
            tokens = batch.tokens()
            cores = tokens.words["core"]
            is_word = cores != of_marks
            words = np.where(tokens.unspaced(self.over), 0, 1)
            offsets = np.r_[0, np.cumsum(tokens.total(is_word, "words", self.over))]
            repeated, every = repeated_words(cores[is_word], offsets, self.ngram_words)
            return {"word_repetition_share": share(repeated, every * words)}

        return score
