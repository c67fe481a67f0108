"""Drop texts that a language model finds unlikely: garbage, lists, machine-made text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stages.elements import Floats, Mask
from stages.engines.language_model import LanguageModel, ScoreLines
from stages.errors import NotReadyError
from stages.stage import Batch, Filter, Level, Limit, ScoreFn, Scores
from stages.tag_language import LANGUAGE_TAG
from stages.tokens import Tokens


@dataclass(frozen=True, kw_only=True)
class Perplexity(Filter):
    """Drop texts whose perplexity under an n-gram model is high, or very low.

    perplexity = 10 ** (-sum of log10 p / number of tokens)

    over all lines of the text. Each line is a sentence: its first token follows the model's
    begin-of-line, and its end is a token that is predicted and counted, as in CCNet and
    OBELICS. Tokens are the model's own, so its bounds are too: OBELICS's 1,500 is per piece of a
    SentencePiece model over Wikipedia. Of Quern's models they are characters, and prose like
    what the model was trained on has about 3 to 6, other prose of the language 5 to 10. Unknown
    tokens count as `<unk>` with the probability that the model gives it.

    A row tagged "lang:de", as `stages.tag_language` writes it, is judged by the model whose
    language is "de", else by the first whose language is ""; a row without such a tag by the
    first model. Rows that no model is for are not judged, nor are texts without words.

    Reads: messages, tags.
    Writes: score perplexity, at least 1.
    Source: Wenzek et al. 2020 (CCNet), arXiv:1911.00359, section 3.4; Laurençon et al. 2023
        (OBELICS), arXiv:2306.16527, appendix A (documents: at most 1,500).

    Attributes:
        over: whole documents or their text parts.
        max_perplexity: per token.
        min_perplexity: per token; text that is repeated, or known by heart, lies below.
        models: a KenLM file, or one of `stages.engines.train_ngram`, for each language.
    """

    reads: ClassVar[tuple[str, ...]] = ("messages", "tags")
    source: ClassVar[str] = "CCNet, arXiv:1911.00359, section 3.4; OBELICS, arXiv:2306.16527"
    levels: ClassVar[tuple[Level, ...]] = ("sample", "text")
    max_perplexity: float = 1500
    min_perplexity: float = 0
    models: tuple[LanguageModel, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        languages = [model.language for model in self.models]
        if len(set(languages)) < len(languages):
            raise ValueError(f"models has two models of one language: {languages}")

    def check(self) -> None:
        """Look whether the models are there.

        Raises:
            NotReadyError: when one is not, or when none is named.
        """
        if not self.models:
            raise NotReadyError("no language model is named; set models, say {path: en.npz}")
        for model in self.models:
            model.check()

    def limits(self) -> tuple[Limit, ...]:
        """Return the range of the perplexity."""
        return (Limit(score="perplexity", min=self.min_perplexity, max=self.max_perplexity),)

    def build(self) -> ScoreFn:
        """Load the models and return the function that gives the perplexity."""
        models = [model.load() for model in self.models]
        languages = [model.language for model in self.models]

        def score(batch: Batch) -> Scores:
            tokens, over = batch.tokens(), self.over
            found = np.full(len(tokens.count("lines", over)), np.nan, np.float32)
            judge = _judges(batch, languages)
            by_segment = judge if over == "sample" else np.repeat(judge, tokens.row_texts)
            for number, model in enumerate(models):
                of_row: Mask = judge == number
                if of_row.any():
                    found[by_segment == number] = _perplexity(model, tokens.keep_rows(of_row), over)
            return {"perplexity": found}

        return score


def _judges(batch: Batch, languages: Sequence[str]) -> npt.NDArray[np.int64]:
    """Return int64[N], the model that judges each row, -1 for none."""
    any_language = languages.index("") if "" in languages else -1
    places = {LANGUAGE_TAG + each: place for place, each in enumerate(languages) if each}
    tags = batch.table.column("tags").combine_chunks()
    flat, row = pc.list_flatten(tags), pc.list_parent_indices(tags)
    is_language = pc.starts_with(flat, LANGUAGE_TAG)
    judges = np.full(len(batch), 0 if languages else -1, np.int64)
    tagged = flat.filter(is_language).to_pylist()
    rows = pa.array(row).filter(is_language).to_numpy()
    judges[rows] = [places.get(tag, any_language) for tag in tagged]
    return judges


def _perplexity(model: ScoreLines, tokens: Tokens, over: Level) -> Floats:
    """Return float32[S]; NaN for segments without lines."""
    log10, count = model(tokens.data, tokens.lines)
    lines = tokens.count("lines", over)
    segment = np.repeat(np.arange(len(lines)), lines)
    total = np.bincount(segment, weights=log10, minlength=len(lines))
    number = np.bincount(segment, weights=count, minlength=len(lines))
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        per_token = np.where(number > 0, -total / number, np.nan)
        return np.power(10, per_token).astype(np.float32)
