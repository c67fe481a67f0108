"""Take unfinished sentences off the ends of documents, and rows of underscores out of texts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stages.elements import Ints, Mask, set_field, with_parts
from stages.stage import Batch, Stage, StageFn
from stages.text_kinds import is_paragraph, texts_of

_RULES: Final = r"\s*_{15,}\s*|\[Video\]"
_END: Final = r"[.!?。！？؟։।]+[\"'”’」』»)\]]*(?:\s|$)"
_TO_LAST_END: Final = re.compile(rf"(?s).*{_END}")


@dataclass(frozen=True, kw_only=True)
class TrimFragments(Stage):
    """Edit what cutting a page out of its frame leaves at the ends of its text.

    - a row of 15 or more underscores becomes the end of a line, "[Video]" goes
    - paragraphs at the beginning go until one has a complete sentence: they are bylines, dates
      and names of sections
    - so do paragraphs at the end, and of the last one that stays what follows its last complete
      sentence
    Paragraphs are texts that do not begin with a mark; headings, lists, tables and code stay,
    as do documents without any complete sentence. A sentence is complete that ends in . ! ? or
    the like.

    Reads: messages.
    Writes: messages.
    Source: Li et al. 2024 (OmniCorpus), arXiv:2406.08418, section 3.4, and its released rules.
    """

    reads: ClassVar[tuple[str, ...]] = ("messages",)
    writes: ClassVar[tuple[str, ...]] = ("messages",)
    source: ClassVar[str] = "Li et al. 2024 (OmniCorpus), arXiv:2406.08418, section 3.4"

    def build(self) -> StageFn:
        """Return the function that edits a batch."""

        def trim(batch: Batch) -> Batch:
            parts = batch.parts()
            before = texts_of(parts)
            texts = pc.replace_substring_regex(before, _RULES, "\n")
            texts = pc.if_else(pc.equal(texts, before), before, pc.utf8_trim_whitespace(texts))
            row = parts.row[parts.is_text]
            paragraph = is_paragraph(texts)
            found = pc.match_substring_regex(texts, _END).to_numpy(zero_copy_only=False)
            first, last = _ends(row, paragraph & found, len(batch))
            place = np.arange(len(row))
            outside = paragraph & ((place < first[row]) | (place > last[row]))
            keep = np.ones(len(parts.row), np.bool_)
            keep[parts.is_text] = ~(outside & (last[row] >= 0))
            texts = _cut(texts, last[last >= 0])
            if keep.all() and texts.equals(before):
                return batch
            values = _with_texts(parts.values, parts.is_text, texts)
            return batch.with_table(with_parts(batch.table, parts, keep, values))

        return trim


def _ends(row: Ints, complete: Mask, rows: int) -> tuple[Ints, Ints]:
    """Return int64[N] each: the first and the last complete paragraph of each row, -1 for none."""
    first, last = np.full(rows, -1, np.int64), np.full(rows, -1, np.int64)
    places = np.flatnonzero(complete)
    last[row[places]] = places
    first[row[places[::-1]]] = places[::-1]
    return first, last


def _cut(texts: pa.StringArray, places: Ints) -> pa.StringArray:
    """Return the texts, those at the places without what follows the last complete sentence."""
    cut = texts.to_pylist()
    for place in places:
        match = _TO_LAST_END.match(cut[place])
        assert match is not None  # that is how the places were found
        if cut[place][match.end() :].strip():
            cut[place] = match[0].rstrip()
    return pa.array(cut, texts.type)


def _with_texts(values: pa.StructArray, is_text: Mask, texts: pa.StringArray) -> pa.StructArray:
    """Return the parts with other texts; a text that was null stays null where it stayed empty."""
    old = values.field("text")
    place = np.cumsum(is_text) - 1
    new = texts.take(pa.array(np.where(is_text, place, 0))) if len(texts) else old
    changed = pc.and_(pa.array(is_text), pc.not_equal(new, old.fill_null("")))
    return set_field(values, "text", pc.if_else(changed, new, old))
