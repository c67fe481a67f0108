"""Drop texts few of whose words are common ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from stages.engines.training_texts import TINY_WORDS
from stages.errors import NotReadyError
from stages.stage import Batch, Filter, Level, Limit, ScoreFn, Scores
from stages.tokens import core_hashes
from stages.word_lists import in_language, read_entries, word_share


@dataclass(frozen=True, kw_only=True)
class CommonWords(Filter):
    """Drop texts too few of whose words are in a list of common words of their language.

    The list is a UTF-8 file, one word a line; `python -m stages.engines.count_words` makes one
    from texts, as OBELICS made its own from a large corpus. A word of the text is compared
    without its case and the marks around it. Not judged: texts without words, texts mostly in
    scripts without spaces, rows tagged with another language ("lang:de", as
    `stages.tag_language` writes it).

    Reads: messages, tags.
    Writes: score common_word_share in [0, 1], of all words.
    Source: Laurençon et al. 2023 (OBELICS), arXiv:2306.16527, appendix A: 0.8 for paragraphs,
        0.9 for documents.

    Attributes:
        over: whole documents or their text parts.
        min_share: of all words.
        words_path: the list; "tiny" is a small English one that comes along, good for trials.
        language: of the words, ISO 639-1.
    """

    reads: ClassVar[tuple[str, ...]] = ("messages", "tags")
    source: ClassVar[str] = "Laurençon et al. 2023, arXiv:2306.16527, appendix A"
    levels: ClassVar[tuple[Level, ...]] = ("sample", "text")
    min_share: float = 0.9
    words_path: str = "tiny"
    language: str = "en"

    def check(self) -> None:
        """Read the list.

        Raises:
            NotReadyError: when it cannot be read, or when an entry is not one word.
        """
        self._cores()

    def limits(self) -> tuple[Limit, ...]:
        """Return the lower bound of the share."""
        return (Limit(score="common_word_share", min=self.min_share),)

    def build(self) -> ScoreFn:
        """Read the list and return the function that gives the share."""
        cores = self._cores()

        def score(batch: Batch) -> Scores:
            tokens, over = batch.tokens(), self.over
            judged = in_language(batch, self.language, over) & ~tokens.unspaced(over)
            shares = word_share(tokens, cores, over)
            return {"common_word_share": np.where(judged, shares, np.float32(np.nan))}

        return score

    def _cores(self) -> npt.NDArray[np.uint64]:
        path = str(TINY_WORDS) if self.words_path == "tiny" else self.words_path
        try:
            return core_hashes(read_entries(path))
        except ValueError as error:
            raise NotReadyError(f"words_path {path!r}: {error}") from error
