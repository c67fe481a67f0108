"""Drop texts that do not read like prose: word lengths, symbols, lists, stop words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from stages.elements import Floats, Ints
from stages.stage import Batch, Filter, Level, Limit, ScoreFn, Scores
from stages.token_kernels import ENDS_ELLIPSIS, HAS_LETTER, STARTS_BULLET
from stages.tokens import Tokens, core_hashes, share
from stages.word_lists import in_language

_HEADING_LEVELS = 6


@dataclass(frozen=True, kw_only=True)
class GopherQuality(Filter):
    """Drop texts outside the ranges that Gopher's authors found for prose.

    - 50 to 100,000 words
    - mean length of words 3 to 10 characters
    - "#" at most 0.1 per word, the marks of headings ("## The mill") aside: those are not the
      author's, extraction writes them
    - ellipses ("..." or "…") at most 0.1 per word
    - at most 0.9 of lines start with a bullet; at most 0.3 end with an ellipsis
    - at least 0.8 of words contain a letter
    - at least 2 of the stop words the, be, to, of, and, that, have, with

    Abstains where a rule presupposes what the text does not have: the mean word length and the
    stop words in texts most of whose words belong to scripts without spaces (Chinese, Japanese,
    Thai, ...); the stop words in rows tagged with another language than theirs ("lang:de", as
    `stages.tag_language` writes it: of 600 news pages the English words would drop 92 % of the
    German and all of the French ones, and 1 % of the English); everything but the number of
    words in empty texts.

    Reads: messages, tags.
    Writes: scores words, mean_word_length (characters), hash_mark_ratio, ellipsis_ratio (per
        word), bullet_line_share, ellipsis_line_share, alphabetic_word_share, stop_words (how
        many of them occur).
    Source: Rae et al. 2021 (Gopher), arXiv:2112.11446, appendix A.1.1.

    Attributes:
        over: whole documents or their text parts.
        min_words: fewest words kept.
        max_words: most words kept.
        min_mean_word_length: characters.
        max_mean_word_length: characters.
        max_symbol_ratio: of "#", and of ellipses, per word.
        max_bullet_line_share: of all lines.
        max_ellipsis_line_share: of all lines.
        min_alphabetic_share: of all words.
        min_stop_words: different stop words that must occur.
        stop_words: single words in lower case.
        language: of the stop words, ISO 639-1.
    """

    reads: ClassVar[tuple[str, ...]] = ("messages", "tags")
    source: ClassVar[str] = "Rae et al. 2021, arXiv:2112.11446, appendix A.1.1"
    levels: ClassVar[tuple[Level, ...]] = ("sample", "text")
    min_words: int = 50
    max_words: int = 100_000
    min_mean_word_length: float = 3
    max_mean_word_length: float = 10
    max_symbol_ratio: float = 0.1
    max_bullet_line_share: float = 0.9
    max_ellipsis_line_share: float = 0.3
    min_alphabetic_share: float = 0.8
    min_stop_words: int = 2
    stop_words: tuple[str, ...] = ("the", "be", "to", "of", "and", "that", "have", "with")
    language: str = "en"

    def limits(self) -> tuple[Limit, ...]:
        """Return the ranges of the eight scores."""
        return (
            Limit(score="words", min=self.min_words, max=self.max_words),
            Limit(
                score="mean_word_length",
                min=self.min_mean_word_length,
                max=self.max_mean_word_length,
            ),
            Limit(score="hash_mark_ratio", max=self.max_symbol_ratio),
            Limit(score="ellipsis_ratio", max=self.max_symbol_ratio),
            Limit(score="bullet_line_share", max=self.max_bullet_line_share),
            Limit(score="ellipsis_line_share", max=self.max_ellipsis_line_share),
            Limit(score="alphabetic_word_share", min=self.min_alphabetic_share),
            Limit(score="stop_words", min=self.min_stop_words),
        )

    def build(self) -> ScoreFn:
        """Hash the stop words and return the function that gives the scores."""
        stop_cores = core_hashes(self.stop_words)

        def score(batch: Batch) -> Scores:
            tokens = batch.tokens()
            spaced = ~tokens.unspaced(self.over)
            shares = _shares(tokens, self.over)
            length = shares["mean_word_length"]
            stop_words = _distinct(tokens, stop_cores, self.over)
            judged = spaced & (tokens.count("words", self.over) > 0)
            judged &= in_language(batch, self.language, self.over)
            return {
                "words": tokens.count("words", self.over).astype(np.float32),
                **shares,
                "mean_word_length": np.where(spaced, length, np.float32(np.nan)),
                "stop_words": np.where(judged, stop_words, np.nan).astype(np.float32),
            }

        return score


def _shares(tokens: Tokens, over: Level) -> dict[str, Floats]:
    words, lines = tokens.count("words", over), tokens.count("lines", over)
    per_word = {
        "mean_word_length": tokens.words["chars"],
        "hash_mark_ratio": _hash_marks(tokens),
        "ellipsis_ratio": tokens.words["ellipses"],
        "alphabetic_word_share": tokens.has("words", HAS_LETTER),
    }
    per_line = {
        "bullet_line_share": tokens.has("lines", STARTS_BULLET),
        "ellipsis_line_share": tokens.has("lines", ENDS_ELLIPSIS),
    }
    return {
        **{name: share(tokens.total(of, "words", over), words) for name, of in per_word.items()},
        **{name: share(tokens.total(of, "lines", over), lines) for name, of in per_line.items()},
    }


def _hash_marks(tokens: Tokens) -> npt.NDArray[np.uint8]:
    """Return uint8[W], how many "#" each word has; 0 for the mark of a heading."""
    words = tokens.words
    marks = words["hash_marks"].copy()
    first = np.searchsorted(words["start"], tokens.lines["start"])
    is_mark = (marks[first] == words["chars"][first]) & (marks[first] <= _HEADING_LEVELS)
    marks[first[is_mark]] = 0
    return marks


def _distinct(tokens: Tokens, cores: npt.NDArray[np.uint64], over: Level) -> Ints:
    """Return int64[S], how many of the words given by their cores occur in each segment."""
    found = np.zeros(len(tokens.count("words", over)), np.int64)
    for core in cores:
        found += tokens.any(tokens.words["core"] == core, "words", over)
    return found
