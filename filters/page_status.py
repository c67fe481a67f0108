"""Drop pages that could not be extracted: empty, too large, too slow, broken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow.compute as pc

from stages.stage import Batch, Filter, Limit, ScoreFn, Scores

STATUS = "extract_status"


@dataclass(frozen=True, kw_only=True)
class PageStatus(Filter):
    """Keeps the samples whose extraction went well, and those that were never extracted.

    Reads: meta["extract_status"], as ExtractPage writes it.
    Writes: score `ok`, 1 or 0; NaN without a status.
    Source: Quern.

    Attributes:
        over: samples.
    """

    reads: ClassVar = ("meta",)
    source: ClassVar = "Quern"

    def limits(self) -> tuple[Limit, ...]:
        """Return the limit on `ok`."""
        return (Limit(score="ok", min=1.0),)

    def build(self) -> ScoreFn:
        """Return the function that reads the status."""
        return _score

    def reasons(self, batch: Batch) -> list[str]:
        """Return the status of each sample."""
        return [status or "not extracted" for status in _status(batch)]


def _status(batch: Batch) -> list[str | None]:
    found = pc.map_lookup(batch.table.column("meta"), STATUS, "first")
    statuses: list[str | None] = found.to_pylist()
    return statuses


def _score(batch: Batch) -> Scores:
    known = {None: np.nan, "ok": 1.0}
    return {"ok": np.array([known.get(s, 0.0) for s in _status(batch)], dtype=np.float32)}
