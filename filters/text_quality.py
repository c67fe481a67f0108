"""Drop documents whose text, without its pictures, does not read like good prose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa

from stages.elements import Floats, captions_of
from stages.engines.text_quality import TextClassifier
from stages.stage import Batch, Filter, Level, Limit, ScoreFn, Scores
from stages.word_lists import in_language


@dataclass(frozen=True, kw_only=True)
class TextQuality(Filter):
    """Drops texts that a classifier gives a probability outside a range.

    The first of the four criteria of Qwen2.5-VL's interleaved data: the quality of the text as
    it stands when the pictures are taken out, and with them their captions. Heads for other
    qualities are other steps of a recipe: a toxicity head drops by `max_score`.

    The light model tells sentences from menus, boilerplate, keywords, cut teasers, records and
    shuffled words; it does not see whether what they say is true or worth reading. It knows
    English alone: rows tagged with another language, as `stages.tag_language` writes it, are not
    judged. Nor are texts without words.

    Reads: messages, media (caption), tags.
    Writes: score text_quality in [0, 1].
    Source: Bai et al. 2025 (Qwen2.5-VL), arXiv:2502.13923, section 2.2.1 (text-only quality);
        Li et al. 2024 (OmniCorpus), arXiv:2406.08418, section 3.3 (BERT heads); the light model
        and its threshold: Quern.

    Attributes:
        over: whole documents or their text parts.
        classifier: the model, "light" by default.
        min_score: smallest kept.
        max_score: largest kept.
        language: of the texts that are judged, ISO 639-1; "" for all.
    """

    reads: ClassVar[tuple[str, ...]] = ("messages", "media", "tags")
    source: ClassVar[str] = "Qwen2.5-VL, arXiv:2502.13923; OmniCorpus, arXiv:2406.08418"
    levels: ClassVar[tuple[Level, ...]] = ("sample", "text")
    classifier: TextClassifier = TextClassifier()  # noqa: RUF009  it is frozen
    min_score: float = 0.2
    max_score: float = 1.0
    language: str = "en"

    def check(self) -> None:
        """Look whether the model is there.

        Raises:
            NotReadyError: when it is not.
        """
        self.classifier.check()

    def limits(self) -> tuple[Limit, ...]:
        """Return the range of the score."""
        return (Limit(score="text_quality", min=self.min_score, max=self.max_score),)

    def build(self) -> ScoreFn:
        """Load the model and return the function that gives the score."""
        classify = self.classifier.load()

        def score(batch: Batch) -> Scores:
            texts = _documents(batch) if self.over == "sample" else _texts(batch)
            found: Floats = np.full(len(texts), np.nan, np.float32)
            judged = np.ones(len(texts), np.bool_)
            if self.language:
                judged = in_language(batch, self.language, self.over)
            chosen = np.flatnonzero(judged)
            found[chosen] = classify([texts[at] for at in chosen])
            return {"text_quality": found}

        return score


def _texts(batch: Batch) -> list[str]:
    parts = batch.parts()
    texts: list[str] = parts.values.field("text").filter(pa.array(parts.is_text)).to_pylist()
    return [text or "" for text in texts]


def _documents(batch: Batch) -> list[str]:
    """Return the text of each row: its parts with a paragraph break between them, no captions."""
    parts = batch.parts()
    rows: list[list[str]] = [[] for _ in range(len(batch))]
    is_caption = captions_of(batch.table, np.ones(len(batch.media()), np.bool_))
    found = zip(parts.row[parts.is_text].tolist(), _texts(batch), is_caption.tolist(), strict=True)
    for row, text, caption in found:
        if not caption:
            rows[row].append(text)
    return ["\n\n".join(row) for row in rows]
