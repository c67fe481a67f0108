"""Drop texts in which the same few stretches of characters come again and again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from stages.repeated_ngrams import frequent_characters
from stages.stage import Batch, Filter, Level, Limit, ScoreFn, Scores
from stages.tokens import share


@dataclass(frozen=True, kw_only=True)
class CharacterRepetition(Filter):
    """Drop texts by the share of their most frequent n-grams of characters among all n-grams.

    Of the d different n-grams the most frequent sqrt(d) count, as often as they occur, if they
    occur more than once: so prose has few, "hahahaha" many, and a long text no more than a short
    one. White space between words counts as it is written, a newline stands between lines. Texts
    shorter than an n-gram are not judged.

    Reads: messages.
    Writes: score character_repetition_share in [0, 1].
    Source: Laurençon et al. 2023 (OBELICS), arXiv:2306.16527, appendix A, and its released
        code: at most 0.1 for paragraphs and for documents.

    Attributes:
        over: whole documents or their text parts.
        max_share: of all n-grams.
        ngram_characters: n.
    """

    reads: ClassVar[tuple[str, ...]] = ("messages",)
    source: ClassVar[str] = "Laurençon et al. 2023, arXiv:2306.16527, appendix A"
    levels: ClassVar[tuple[Level, ...]] = ("sample", "text")
    max_share: float = 0.1
    ngram_characters: int = 10

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.ngram_characters < 1:
            raise ValueError(f"ngram_characters is {self.ngram_characters}, it must be at least 1")

    def limits(self) -> tuple[Limit, ...]:
        """Return the upper bound of the share."""
        return (Limit(score="character_repetition_share", max=self.max_share),)

    def build(self) -> ScoreFn:
        """Return the function that gives the share."""

        def score(batch: Batch) -> Scores:
            tokens = batch.tokens()
            offsets = tokens.offsets("lines", self.over)
            frequent, every = frequent_characters(
                tokens.data, tokens.lines, offsets, self.ngram_characters
            )
            return {"character_repetition_share": share(frequent, every)}

        return score
