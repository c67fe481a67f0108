"""Drop texts of capitals, digits or special characters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from stages.character_counts import count_characters
from stages.stage import Batch, Filter, Level, Limit, ScoreFn, Scores
from stages.token_kernels import DIGIT, LETTER, MARK, UPPER
from stages.tokens import share


@dataclass(frozen=True, kw_only=True)
class CharacterShares(Filter):
    """Drop texts too many of whose characters are capitals, digits or special.

    Special are all characters but letters and the accents and vowel signs that go with them:
    punctuation, symbols, emoji, digits, and the white space between words, which alone makes up
    a sixth of English prose. The shares are of the characters of all lines, without the white
    space around them. Texts without words are not judged.

    Reads: messages.
    Writes: scores in [0, 1]: uppercase_share, digit_share, special_share.
    Source: Laurençon et al. 2023 (OBELICS), arXiv:2306.16527, appendix A (special characters);
        Li et al. 2024 (OmniCorpus), arXiv:2406.08418, section 3.4 (capitals and digits, there of
        paragraphs).

    Attributes:
        over: whole documents or their text parts.
        max_uppercase_share: of all characters.
        max_digit_share: of all characters.
        max_special_share: of all characters; OBELICS allows documents 0.275 and paragraphs 0.3.
    """

    reads: ClassVar[tuple[str, ...]] = ("messages",)
    source: ClassVar[str] = "OBELICS, arXiv:2306.16527; OmniCorpus, arXiv:2406.08418, section 3.4"
    levels: ClassVar[tuple[Level, ...]] = ("sample", "text")
    max_uppercase_share: float = 0.8
    max_digit_share: float = 0.8
    max_special_share: float = 0.275

    def limits(self) -> tuple[Limit, ...]:
        """Return the upper bounds of the three shares."""
        return (
            Limit(score="uppercase_share", max=self.max_uppercase_share),
            Limit(score="digit_share", max=self.max_digit_share),
            Limit(score="special_share", max=self.max_special_share),
        )

    def build(self) -> ScoreFn:
        """Return the function that gives the shares."""

        def score(batch: Batch) -> Scores:
            tokens, over = batch.tokens(), self.over
            upper, digits, plain = count_characters(
                tokens.data, tokens.lines, (UPPER, DIGIT, LETTER | MARK)
            )
            counts = {
                "uppercase_share": upper,
                "digit_share": digits,
                "special_share": tokens.lines["chars"] - plain,
            }
            chars = tokens.count("chars", over)
            return {
                name: share(tokens.total(count, "lines", over), chars)
                for name, count in counts.items()
            }

        return score
