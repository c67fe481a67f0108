"""Drop samples that hold much of a text of an evaluation set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from stages.errors import NotReadyError
from stages.evals.text_index import TextIndex, load_text_index, overlaps
from stages.evals.told import told
from stages.stage import Batch, Filter, Level, Limit, ScoreFn, Scores


@dataclass(frozen=True, kw_only=True)
class EvalTextOverlap(Filter):
    """Drop samples, or text parts, of which an evaluation text makes up too much.

    Every text in the evaluation sets (question, option, passage, answer: each on its own) is
    compared by its runs of 13 words, a shorter one by all its words; the score is the share of
    its words that the runs found in the sample cover. So a quotation that both have, or one run
    in common by chance, counts for as much as it is of the evaluation text. Runs that many
    evaluation texts have are left out: they are instructions. Runs of 8 also find copies with a
    word changed here and there, and more questions that are only asked alike
    (benchmarks/decontamination.py).

    Evaluation texts of fewer than `min_words` words ("What is shown here?") are not looked for:
    anybody may write them. Questions about pictures are mostly of that kind; EvalImageHash and
    EvalImageEmbedding find their pictures.

    Reads: messages.
    Writes: score share, the highest share in [0, 1] over all evaluation texts. The ledger names
    the text. A text that is found in part, below the limit, keeps its score and can be looked at
    in the run's evidence page.
    Source: Brown et al. 2020, arXiv:2005.14165, appendix C (13-grams, at least 8 words); Lambert
    et al. 2024, arXiv:2411.15124, section 3.2 (more than half of the evaluation text).

    Attributes:
        over: samples, across their text parts, or each text part on its own.
        evals_path: file or folder of evaluation sets: Parquet, JSONL, text files; "" for none.
        ngram: words of a run.
        min_words: words of the shortest evaluation text that is looked for.
        max_share: largest share kept.
    """

    reads: ClassVar[tuple[str, ...]] = ("messages",)
    source: ClassVar[str] = "Brown et al. 2020, arXiv:2005.14165, appendix C; arXiv:2411.15124"
    levels: ClassVar[tuple[Level, ...]] = ("sample", "text")
    evals_path: str = ""
    ngram: int = 13
    min_words: int = 8
    max_share: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.ngram < 2:
            raise ValueError(f"ngram must be at least 2 words, got {self.ngram}")
        if self.min_words < 1:
            raise ValueError(f"min_words must be at least 1, got {self.min_words}")

    def check(self) -> None:
        """Read the evaluation sets.

        Raises:
            NotReadyError: when they cannot be read, or hold no text that is looked for.
        """
        if not self._index().names:
            raise NotReadyError(
                f"there is no text of {self.min_words} words or more in evals_path "
                f"{self.evals_path!r}; name evaluation sets with texts, or leave the step out"
            )

    def limits(self) -> tuple[Limit, ...]:
        """Return the upper bound of the share."""
        return (Limit(score="share", max=self.max_share),)

    def build(self) -> ScoreFn:
        """Read the evaluation sets and return the function that looks for their texts."""
        index = self._index()

        def score(batch: Batch) -> Scores:
            return {"share": overlaps(index, batch.tokens(), self.over).share}

        return score

    def reasons(self, batch: Batch) -> list[str]:
        """Return which evaluation text each element holds most of, and how much."""
        index = self._index()
        found = overlaps(index, batch.tokens(), self.over)
        pairs = zip(found.text.tolist(), found.covered.tolist(), strict=True)
        return [
            told(index.names[text], f"{covered} of its {index.words[text]} words")
            if text >= 0
            else "like no eval item"
            for text, covered in pairs
        ]

    def _index(self) -> TextIndex:
        return load_text_index(self.evals_path, self.ngram, self.min_words)
