"""Drop texts with many words of a list of flagged words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from stages.errors import NotReadyError
from stages.stage import Batch, Filter, Level, Limit, ScoreFn, Scores
from stages.tokens import core_hashes
from stages.word_lists import read_entries, word_share


@dataclass(frozen=True, kw_only=True)
class FlaggedWords(Filter):
    """Drop texts too many of whose words are flagged, say, as obscene.

    Quern brings no list: words are flagged by `words`, by the file `words_path`, or both. A
    word of the text is compared without its case and the marks around it. Texts without words
    are not judged.

    Reads: messages.
    Writes: score flagged_word_share in [0, 1], of all words.
    Source: Laurençon et al. 2023 (OBELICS), arXiv:2306.16527, appendix A; OmniCorpus
        (arXiv:2406.08418) allows 0.02.

    Attributes:
        over: whole documents or their text parts.
        max_share: of all words.
        words: single words.
        words_path: UTF-8 text file of single words, one a line; "" for none.
    """

    reads: ClassVar[tuple[str, ...]] = ("messages",)
    source: ClassVar[str] = "Laurençon et al. 2023, arXiv:2306.16527, appendix A"
    levels: ClassVar[tuple[Level, ...]] = ("sample", "text")
    max_share: float = 0.01
    words: tuple[str, ...] = ()
    words_path: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        core_hashes(self.words)

    def check(self) -> None:
        """Read the file.

        Raises:
            NotReadyError: when it cannot be read, when an entry is not one word, or when
                no word is flagged.
        """
        if not self._flagged():
            raise NotReadyError("no words are flagged; set words or words_path")

    def limits(self) -> tuple[Limit, ...]:
        """Return the upper bound of the share."""
        return (Limit(score="flagged_word_share", max=self.max_share),)

    def build(self) -> ScoreFn:
        """Read the file and return the function that gives the share."""
        cores = core_hashes(self._flagged())

        def score(batch: Batch) -> Scores:
            return {"flagged_word_share": word_share(batch.tokens(), cores, self.over)}

        return score

    def _flagged(self) -> tuple[str, ...]:
        if not self.words_path:
            return self.words
        entries = read_entries(self.words_path)
        try:
            core_hashes(entries)
        except ValueError as error:
            raise NotReadyError(f"words_path {self.words_path!r}: {error}") from error
        return (*self.words, *entries)
