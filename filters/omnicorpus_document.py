"""Drop documents by OmniCorpus's rules: their words, their stop words, their paragraphs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from stages.elements import Floats
from stages.stage import Batch, Filter, Limit, ScoreFn, Scores
from stages.text_kinds import is_paragraph, texts_of
from stages.token_kernels import HAS_LETTER
from stages.tokens import core_hashes, share
from stages.word_lists import in_language

_STOP_WORDS = ("the", "is", "are", "am", "to", "of", "and", "that", "have", "with")


@dataclass(frozen=True, kw_only=True)
class OmnicorpusDocument(Filter):
    """Drop documents outside the ranges of OmniCorpus's rules found with people.

    - 50 to 100,000 words, of 3 to 10 characters in the mean
    - at least 0.8 of words contain a letter
    - the stop words the, is, are, am, to, of, and, that, have, with stand in it at least twice
    - the longest paragraph has at least 35 words, or the mean one 12: a document of nothing but
      short paragraphs is a menu. Paragraphs are text parts without a mark, as extraction writes
      headings, lists, tables and code; a document without any counts as one of none.

    Abstains as `filters.gopher_quality` does: lengths of words and stop words in scripts without
    spaces, stop words in rows tagged with another language than English, everything but the
    number of words in empty texts. The rules on flagged words (0.02) and on images (more than 2
    need 50 words each) are `filters.flagged_words` and `filters.words_per_image`.

    Reads: messages, tags.
    Writes: scores words, mean_word_length (characters), alphabetic_word_share, stop_words (how
        often one occurs), longest_paragraph (words; not where the mean is long enough).
    Source: Li et al. 2024 (OmniCorpus), arXiv:2406.08418, section 3.4, and its released rules.

    Attributes:
        min_words: fewest of a document.
        max_words: most of a document.
        min_mean_word_length: characters.
        max_mean_word_length: characters.
        min_alphabetic_share: of all words.
        min_stop_words: occurrences.
        min_longest_paragraph: words, where the mean paragraph is short.
        min_mean_paragraph: words; documents with longer ones are not judged by their longest.
    """

    reads: ClassVar[tuple[str, ...]] = ("messages", "tags")
    source: ClassVar[str] = "Li et al. 2024 (OmniCorpus), arXiv:2406.08418, section 3.4"
    min_words: int = 50
    max_words: int = 100_000
    min_mean_word_length: float = 3
    max_mean_word_length: float = 10
    min_alphabetic_share: float = 0.8
    min_stop_words: int = 2
    min_longest_paragraph: int = 35
    min_mean_paragraph: float = 12

    def limits(self) -> tuple[Limit, ...]:
        """Return the ranges of the five scores."""
        low, high = self.min_mean_word_length, self.max_mean_word_length
        return (
            Limit(score="words", min=self.min_words, max=self.max_words),
            Limit(score="mean_word_length", min=low, max=high),
            Limit(score="alphabetic_word_share", min=self.min_alphabetic_share),
            Limit(score="stop_words", min=self.min_stop_words),
            Limit(score="longest_paragraph", min=self.min_longest_paragraph),
        )

    def build(self) -> ScoreFn:
        """Return the function that gives the scores."""
        stop_cores = np.sort(core_hashes(_STOP_WORDS))

        def score(batch: Batch) -> Scores:
            tokens = batch.tokens()
            words = tokens.count("words", "sample")
            spaced = (words > 0) & ~tokens.unspaced("sample")
            stop_words = tokens.total(np.isin(tokens.words["core"], stop_cores), "words", "sample")
            chars = tokens.total(tokens.words["chars"], "words", "sample")
            letters = tokens.total(tokens.has("words", HAS_LETTER), "words", "sample")
            judged = spaced & in_language(batch, "en", "sample")
            return {
                "words": words.astype(np.float32),
                "mean_word_length": share(chars, np.where(spaced, words, 0)),
                "alphabetic_word_share": share(letters, words),
                "stop_words": np.where(judged, stop_words, np.nan).astype(np.float32),
                "longest_paragraph": self._longest(batch),
            }

        return score

    def _longest(self, batch: Batch) -> Floats:
        tokens, parts = batch.tokens(), batch.parts()
        paragraph = is_paragraph(texts_of(parts)) & (tokens.texts["words"] > 0)
        words, row = tokens.texts["words"][paragraph], parts.row[parts.is_text][paragraph]
        longest = np.zeros(len(batch), np.int64)
        np.maximum.at(longest, row, words)
        mean = share(np.bincount(row, words, len(batch)), np.bincount(row, minlength=len(batch)))
        judged = (tokens.count("words", "sample") > 0) & ~(mean >= self.min_mean_paragraph)
        return np.where(judged, longest, np.nan).astype(np.float32)
