"""Tag each sample with the language of its text."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

import pyarrow as pa
import pyarrow.compute as pc

from stages.elements import set_column
from stages.engines.language import LanguageIdentifier
from stages.record import SCHEMA
from stages.stage import Batch, Stage, StageFn

LANGUAGE_TAG: Final = "lang:"
"""Prefix of the tag: "lang:en"."""
CONFIDENCE: Final = "language_confidence"
"""Key of the confidence in `meta`, a decimal in [0, 1]."""


@dataclass(frozen=True, kw_only=True)
class TagLanguage(Stage):
    """Write the language of a sample's text, and how sure that is; `filters.language` reads it.

    The text parts are read in order, up to the first characters that the engine wants. A tag
    from before is replaced. Text without letters is "lang:und" with confidence 0.

    Reads: messages, tags, meta.
    Writes: one tag "lang:xx" (ISO 639-1, or 639-3 where that has none) into tags, and
        language_confidence, a decimal in [0, 1], into meta.
    Source: Joulin et al. 2016, arXiv:1607.01759 (fastText's lid.176).

    Attributes:
        engine: identifies the language.
    """

    reads: ClassVar[tuple[str, ...]] = ("messages", "tags", "meta")
    writes: ClassVar[tuple[str, ...]] = ("tags", "meta")
    source: ClassVar[str] = "Joulin et al. 2016, arXiv:1607.01759"
    engine: LanguageIdentifier = field(default_factory=LanguageIdentifier)

    def build(self) -> StageFn:
        """Load the engine and return the function that tags a batch."""
        identify = self.engine.load()

        def tag(batch: Batch) -> Batch:
            found = [identify(text) for text in self._texts(batch)]
            tags = [
                [*(each for each in old or [] if not each.startswith(LANGUAGE_TAG)), new]
                for old, new in zip(
                    batch.table.column("tags").to_pylist(),
                    [LANGUAGE_TAG + language for language, _ in found],
                    strict=True,
                )
            ]
            meta = [
                [
                    *(pair for pair in old or [] if pair[0] != CONFIDENCE),
                    (CONFIDENCE, f"{sure:.4f}"),
                ]
                for old, (_, sure) in zip(
                    batch.table.column("meta").to_pylist(), found, strict=True
                )
            ]
            return batch.with_table(_with(batch.table, tags=tags, meta=meta))

        return tag

    def _texts(self, batch: Batch) -> list[str]:
        """Return as much of the text of each row as the engine reads."""
        parts = batch.parts()
        text = parts.values.field("text").filter(pa.array(parts.is_text))
        beginnings = pc.utf8_slice_codeunits(text, 0, self.engine.max_chars).to_pylist()
        texts = [""] * len(batch)
        for row, beginning in zip(parts.row[parts.is_text].tolist(), beginnings, strict=True):
            if beginning and len(texts[row]) < self.engine.max_chars:
                texts[row] += beginning + "\n"
        return texts


def _with(table: pa.Table, **columns: list[Any]) -> pa.Table:
    for name, values in columns.items():
        table = set_column(table, name, pa.array(values, SCHEMA.field(name).type))
    return table
