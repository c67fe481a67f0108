"""Drop texts that are lists: few lines end in punctuation, many are short or repeated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from stages.repetition import seen_before
from stages.stage import Batch, Filter, Level, Limit, ScoreFn, Scores
from stages.token_kernels import ENDS_TERMINAL
from stages.tokens import share


@dataclass(frozen=True, kw_only=True)
class FineWebRules(Filter):
    """Drop texts by the three rules that FineWeb added to those of C4 and Gopher.

    - at least 0.12 of lines end with terminal punctuation or a closing quotation mark
    - at most 0.1 of characters lie in duplicated lines (second and later occurrences)
    - at most 0.67 of lines are shorter than 30 characters

    The paper also drops texts that lie exactly on a bound; here they are kept. The last rule
    abstains on texts mostly in scripts without spaces: 30 ideographs are a long sentence.

    Reads: messages.
    Writes: scores in [0, 1]: punctuated_line_share, duplicate_line_char_share,
        short_line_share.
    Source: Penedo et al. 2024 (FineWeb), arXiv:2406.17557, section 3.6.

    Attributes:
        over: whole documents or their text parts.
        min_punctuated_share: of all lines.
        max_duplicate_char_share: of the characters of all lines.
        max_short_share: of all lines.
        min_line_chars: a line with fewer characters is short.
    """

    reads: ClassVar[tuple[str, ...]] = ("messages",)
    source: ClassVar[str] = "Penedo et al. 2024, arXiv:2406.17557, section 3.6"
    levels: ClassVar[tuple[Level, ...]] = ("sample", "text")
    min_punctuated_share: float = 0.12
    max_duplicate_char_share: float = 0.1
    max_short_share: float = 0.67
    min_line_chars: int = 30

    def limits(self) -> tuple[Limit, ...]:
        """Return the bounds of the three shares."""
        return (
            Limit(score="punctuated_line_share", min=self.min_punctuated_share),
            Limit(score="duplicate_line_char_share", max=self.max_duplicate_char_share),
            Limit(score="short_line_share", max=self.max_short_share),
        )

    def build(self) -> ScoreFn:
        """Return the function that gives the shares."""

        def score(batch: Batch) -> Scores:
            tokens, over = batch.tokens(), self.over
            lines, chars = tokens.count("lines", over), tokens.lines["chars"]
            punctuated = tokens.total(tokens.has("lines", ENDS_TERMINAL), "lines", over)
            repeated = seen_before(tokens.lines["hash"], tokens.offsets("lines", over))
            repeated_chars = tokens.total(repeated * chars, "lines", over)
            short = tokens.total(chars < self.min_line_chars, "lines", over)
            judged = np.where(tokens.unspaced(over), 0, lines)
            return {
                "punctuated_line_share": share(punctuated, lines),
                "duplicate_line_char_share": share(repeated_chars, tokens.count("chars", over)),
                "short_line_share": share(short, judged),
            }

        return score
