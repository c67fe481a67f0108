"""Drop texts that repeat their lines, paragraphs or phrases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np

from stages.elements import Floats
from stages.repetition import REPEAT_SIZES, TOP_SIZES, ngram_chars, seen_before
from stages.stage import Batch, Filter, Level, Limit, ScoreFn, Scores
from stages.tokens import Tokens, Unit, share

_UNITS: Final = ("line", "paragraph")
_NGRAM_SCORES: Final = (
    *(f"top_{n}gram_char_share" for n in TOP_SIZES),
    *(f"repeated_{n}gram_char_share" for n in REPEAT_SIZES),
)


@dataclass(frozen=True, kw_only=True)
class TextRepetition(Filter):
    """Drop texts in which too much was said before.

    - duplicate lines, duplicate paragraphs: at most 0.30 of all lines, of all paragraphs
    - characters in duplicate lines, in duplicate paragraphs: at most 0.20
    - characters in the most frequent 2-, 3-, 4-gram: at most 0.20, 0.18, 0.16
    - characters in repeated 5- to 10-grams: at most 0.15, 0.14, 0.13, 0.12, 0.11, 0.10

    A duplicate is a second or later occurrence; lines are equal when their words are. N-grams
    run over words and across line ends; the share is of the characters of words, each counted
    once however many n-grams cover it. An n-gram that occurs once is no repetition and counts 0,
    so short paragraphs can be judged too. Texts without words are not judged, nor are the
    n-grams of scripts without spaces, where a character counts as a word.

    Reads: messages.
    Writes: scores in [0, 1]: duplicate_line_share, duplicate_line_char_share,
        duplicate_paragraph_share, duplicate_paragraph_char_share, top_{2..4}gram_char_share,
        repeated_{5..10}gram_char_share.
    Source: Rae et al. 2021 (Gopher), arXiv:2112.11446, appendix A.1.1, table A1.

    Attributes:
        over: whole documents or their text parts.
        max_share: of duplicate lines and of duplicate paragraphs.
        max_char_share: of characters in duplicate lines and in duplicate paragraphs.
        max_top_ngram_share: of characters in the most frequent n-gram, n = 2, 3, 4.
        max_duplicate_ngram_share: of characters in repeated n-grams, n = 5 to 10.
    """

    reads: ClassVar[tuple[str, ...]] = ("messages",)
    source: ClassVar[str] = "Rae et al. 2021, arXiv:2112.11446, appendix A.1.1, table A1"
    levels: ClassVar[tuple[Level, ...]] = ("sample", "text")
    max_share: float = 0.30
    max_char_share: float = 0.20
    max_top_ngram_share: tuple[float, ...] = (0.20, 0.18, 0.16)
    max_duplicate_ngram_share: tuple[float, ...] = (0.15, 0.14, 0.13, 0.12, 0.11, 0.10)

    def __post_init__(self) -> None:
        for name, sizes in (
            ("max_top_ngram_share", TOP_SIZES),
            ("max_duplicate_ngram_share", REPEAT_SIZES),
        ):
            given = getattr(self, name)
            if len(given) != len(sizes):
                raise ValueError(
                    f"{name} needs one number for each n of {list(sizes)}, got {list(given)}"
                )
        super().__post_init__()

    def limits(self) -> tuple[Limit, ...]:
        """Return an upper bound for each share."""
        bounds = {f"duplicate_{unit}_share": self.max_share for unit in _UNITS}
        bounds |= {f"duplicate_{unit}_char_share": self.max_char_share for unit in _UNITS}
        ngram_bounds = (*self.max_top_ngram_share, *self.max_duplicate_ngram_share)
        bounds |= zip(_NGRAM_SCORES, ngram_bounds, strict=True)
        return tuple(Limit(score=name, max=bound) for name, bound in bounds.items())

    def build(self) -> ScoreFn:
        """Return the function that gives the shares."""

        def score(batch: Batch) -> Scores:
            tokens = batch.tokens()
            return {**_unit_shares(tokens, self.over), **_ngram_shares(tokens, self.over)}

        return score


def _unit_shares(tokens: Tokens, over: Level) -> dict[str, Floats]:
    """Return the shares of lines and paragraphs, and of their characters, seen before."""
    shares = {}
    for unit, records in (("line", tokens.lines), ("paragraph", tokens.paragraphs)):
        units: Unit = "lines" if unit == "line" else "paragraphs"
        repeated = seen_before(records["hash"], tokens.offsets(units, over))
        number = tokens.total(repeated, units, over)
        chars = tokens.total(repeated * records["chars"], units, over)
        shares[f"duplicate_{unit}_share"] = share(number, tokens.count(units, over))
        shares[f"duplicate_{unit}_char_share"] = share(chars, tokens.count("chars", over))
    return shares


def _ngram_shares(tokens: Tokens, over: Level) -> dict[str, Floats]:
    """Return the shares of the words' characters in frequent and in repeated n-grams.

    Not of scripts without spaces, where a character is a word and five of them often recur.
    """
    chars = tokens.total(tokens.words["chars"], "words", over)
    inside = np.hstack(ngram_chars(tokens.words, tokens.offsets("words", over)))
    unjudged = tokens.unspaced(over)
    return {
        name: np.where(unjudged, np.float32(np.nan), share(column, chars))
        for name, column in zip(_NGRAM_SCORES, inside.T, strict=True)
    }
