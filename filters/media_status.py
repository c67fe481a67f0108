"""Drop pictures and videos that could not be fetched or decoded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow.compute as pc

from stages.stage import Batch, Filter, Level, Limit, ScoreFn, Scores


@dataclass(frozen=True, kw_only=True)
class MediaStatus(Filter):
    """Drops media whose status is not "ok"; the reason in the ledger is the status.

    Reads: media (status).
    Writes: score ok of each medium: 1 ok, 0 not, also where it was never fetched.
    Source: Li et al. 2024, arXiv:2406.08418 (OmniCorpus), section 3: images that fail to
        download are dropped.
    """

    reads: ClassVar = ("media",)
    source: ClassVar = "OmniCorpus, arXiv:2406.08418, section 3"
    levels: ClassVar[tuple[Level, ...]] = ("media",)

    over: Level = "media"

    def limits(self) -> tuple[Limit, ...]:
        """Return that ok must be 1."""
        return (Limit(score="ok", min=1.0),)

    def build(self) -> ScoreFn:
        """Return the function that looks at the status."""

        def score(batch: Batch) -> Scores:
            is_ok = pc.equal(batch.media().column("status"), "ok").fill_null(False)
            return {"ok": is_ok.to_numpy(zero_copy_only=False).astype(np.float32)}

        return score

    def reasons(self, batch: Batch) -> list[str]:
        """Return the status of each medium."""
        status = pc.fill_null(batch.media().column("status"), "not fetched")
        return [str(each) for each in status.to_pylist()]
