"""Drop lines or paragraphs that the run has had before, on whatever page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import pyarrow as pa

from stages.dedup.pieces import bucket_of_key, grouped, pieces_of, places_of, stretches
from stages.elements import Ints
from stages.stage import Batch, Bucket, Level, Projection, Regroup


@dataclass(frozen=True, kw_only=True)
class RepeatedLines(Regroup):
    """Keeps a line, or a paragraph, where the run has it first, and drops it everywhere else.

    Two are equal when they differ in letter case and white space alone. Short ones are common
    speech and stay. A text part, and a sample, that this leaves empty goes.

    Reads: messages.
    Writes: messages (without what was dropped). A decision's score is how often the run has the
    line, threshold 1.
    Source: Wenzek et al. 2020, arXiv:1911.00359, section 3.1 (CCNet: paragraphs by hash); Penedo
    et al. 2023, arXiv:2306.01116 (RefinedWeb: lines).

    Attributes:
        unit: what is compared: lines, or paragraphs (between blank lines, or a text part).
        min_words: a shorter line or paragraph is not judged, words.
        digits: whether those that differ in their numbers are equal.
    """

    reads: ClassVar = ("messages",)
    writes: ClassVar = ("messages",)
    source: ClassVar = "CCNet, arXiv:1911.00359, section 3.1; RefinedWeb, arXiv:2306.01116"
    over: ClassVar[Level] = "text"

    unit: Literal["line", "paragraph"] = "line"
    min_words: int = 10
    digits: bool = False

    def __post_init__(self) -> None:
        if self.unit not in ("line", "paragraph"):
            raise ValueError(f"unit is {self.unit!r}, it must be 'line' or 'paragraph'")
        if self.min_words < 1:
            raise ValueError(f"min_words must be at least 1, got {self.min_words}")

    def project(self, batch: Batch) -> Projection:
        """Return the lines or paragraphs that are judged."""
        parts = batch.parts()
        texts = parts.values.field("text").filter(pa.array(parts.is_text))
        pieces = pieces_of(texts, paragraphs=self.unit == "paragraph", digits=self.digits)
        pieces = pieces[pieces["words"] >= self.min_words]
        return Projection(rows=pa.table(places_of(parts, pieces)))

    def partition(self, rows: pa.Table, buckets: int) -> Ints:
        """Return the bucket of each line or paragraph."""
        return bucket_of_key(rows, buckets)

    def decide(self, rows: pa.Table, bucket: Bucket) -> pa.Table:
        """Return a decision for each place behind the first."""
        order, group = grouped(rows.column("key").to_numpy())
        again = np.r_[False, group[1:] == group[:-1]][: len(group)]
        times = np.bincount(group, minlength=1)[group][again]
        reason = [f"{self.unit} that the run has {n} times" for n in times.tolist()]
        rows = rows.take(pa.array(order[again]))
        return stretches(rows, times.astype(np.float32), threshold=1, reason=reason)
