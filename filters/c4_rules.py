"""Drop pages of placeholder text or code, and texts that are menus and notices, by C4's rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np

from stages.elements import Mask
from stages.stage import Batch, Filter, Level, Limit, ScoreFn, Scores
from stages.token_kernels import ENDS_ELLIPSIS, ENDS_TERMINAL
from stages.tokens import Tokens, share

_UNWANTED_IN_LINE: Final = (
    "javascript",
    "terms of use",
    "privacy policy",
    "cookie policy",
    "uses cookies",
    "use of cookies",
    "use cookies",
)


@dataclass(frozen=True, kw_only=True)
class C4Rules(Filter):
    """Drop texts by the rules of C4, which removes lines first and then judges the page.

    A line is clean when
    - it ends in a terminal punctuation mark or a closing quotation mark, not in an ellipsis
    - it has at least 3 words
    - it says neither "javascript" nor a policy notice: terms of use, privacy policy, cookie
      policy, uses cookies, use of cookies, use cookies
    and a text is kept when
    - at least half of its characters lie on clean lines (C4 cuts the other lines out; a filter
      judges and does not edit, so this share, and its bound, are Quern's; over "text" the lines
      of a paragraph go, or stay, together)
    - "lorem ipsum" and, unless allowed, the curly bracket "{" occur nowhere
    - its clean lines have at least 5 sentences (whole documents only)

    A sentence ends in . ! ? or their like, unless a small letter follows on the line. Not
    applied: the list of bad words, and the removal of spans of three sentences seen on another
    page. Texts without words have no clean_char_share.

    Reads: messages.
    Writes: scores clean_char_share in [0, 1]; lorem_ipsum_lines, curly_bracket_lines,
        sentences (not over "text"), counts.
    Source: Raffel et al. 2020 (C4), arXiv:1910.10683, section 2.2.

    Attributes:
        over: whole documents or their text parts.
        min_clean_share: of the characters of all lines.
        min_sentences: fewest on the clean lines of a document.
        min_line_words: fewest words of a clean line.
        max_curly_bracket_lines: most lines with "{"; C4 allows none, and so loses every page
            with a formula or code in it.
        terminal_punctuation: whether a clean line must end in it. FineWeb's recipe leaves this
            rule out, as it alone removed 30 % of tokens (arXiv:2406.17557, section 3.5).
    """

    reads: ClassVar[tuple[str, ...]] = ("messages",)
    source: ClassVar[str] = "Raffel et al. 2020, arXiv:1910.10683, section 2.2"
    levels: ClassVar[tuple[Level, ...]] = ("sample", "text")
    min_clean_share: float = 0.5
    min_sentences: int = 5
    min_line_words: int = 3
    max_curly_bracket_lines: int = 0
    terminal_punctuation: bool = True

    def limits(self) -> tuple[Limit, ...]:
        """Return the bounds; phrases that must not occur have the bound 0."""
        of_any_text = (
            Limit(score="clean_char_share", min=self.min_clean_share),
            Limit(score="lorem_ipsum_lines", max=0),
            Limit(score="curly_bracket_lines", max=self.max_curly_bracket_lines),
        )
        if self.over == "text":
            return of_any_text
        return (*of_any_text, Limit(score="sentences", min=self.min_sentences))

    def build(self) -> ScoreFn:
        """Return the function that gives the scores."""

        def score(batch: Batch) -> Scores:
            tokens, over = batch.tokens(), self.over
            clean = self._clean(tokens)
            per_line = {
                "lorem_ipsum_lines": tokens.lines_with(("lorem ipsum",)),
                "curly_bracket_lines": tokens.lines_with(("{",)),
            }
            if over == "sample":
                per_line["sentences"] = clean * tokens.lines["sentences"]
            scores = {
                name: tokens.total(values, "lines", over).astype(np.float32)
                for name, values in per_line.items()
            }
            clean_chars = tokens.total(clean * tokens.lines["chars"], "lines", over)
            scores["clean_char_share"] = share(clean_chars, tokens.count("chars", over))
            return scores

        return score

    def _clean(self, tokens: Tokens) -> Mask:
        clean = tokens.lines["words"] >= self.min_line_words
        clean &= ~tokens.lines_with(_UNWANTED_IN_LINE)
        if self.terminal_punctuation:
            clean &= tokens.has("lines", ENDS_TERMINAL) & ~tokens.has("lines", ENDS_ELLIPSIS)
        return clean
