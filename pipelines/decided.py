"""Applying the decisions of a Regroup to the rows of one unit; free of Ray."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.buckets import COMBINED, regroup_of
from pipelines.folder import RunFolder, read_batch
from pipelines.ledger import StepCount
from pipelines.plan import Segment
from pipelines.walk import Outcome, Told, drop
from stages.stage import DECISIONS, Batch, Regroup


def read_decisions(folder: RunFolder, segment: int, unit: int, files: Sequence[str]) -> pa.Table:
    """Return the decisions about one unit, in order of row and element."""
    where: Path = folder.decisions(segment)
    pieces = [read_batch(where / f"{name}.arrow", unit) for name in files]
    table = pa.concat_tables(pieces, promote_options="default")
    return table.sort_by([("row", "ascending"), ("element", "ascending")])


def enter(
    folder: RunFolder, segment: Segment, unit: int, batch: Batch, buckets: int, start: float
) -> Outcome:
    """Apply the decisions of the Regroup before a segment to the rows of one unit."""
    assert segment.entry is not None
    operator = regroup_of(segment.entry)
    files = [COMBINED] if operator.combines else [str(b) for b in range(buckets)]
    decisions = read_decisions(folder, segment.index - 1, unit, files)
    outcome = apply_decisions(operator, batch, decisions, segment.entry.name)
    dropped = len(batch) - len(outcome.batch)
    media = operator.over == "media"
    entries = sum(table.num_rows for table in outcome.rejected)
    count = StepCount(
        name=segment.entry.name,
        rows_in=len(batch),
        rows_out=len(outcome.batch),
        dropped=dropped,
        elements_in=len(batch.media()) if media else 0,
        elements_dropped=entries - dropped if media else 0,
        bytes_in=batch.table.nbytes,
        seconds=time.perf_counter() - start,
    )
    return replace(outcome, counts=(count,))


def apply_decisions(operator: Regroup, batch: Batch, decisions: pa.Table, step: str) -> Outcome:
    """Write down what the decisions tell about a unit's rows, and drop what they refuse."""
    updated = operator.update(batch, decisions)
    refused = decisions.filter(pc.invert(decisions.column("keep"))).select(DECISIONS.names)
    if refused.num_rows == 0:
        return Outcome(batch=updated)
    row = refused.column("row").to_numpy()
    element = refused.column("element").to_numpy()
    if operator.over == "media":
        media = updated.media()
        first = np.searchsorted(media.row, row)
        keep = np.ones(len(media), dtype=np.bool_)
        keep[first + element] = False
    else:
        keep = np.ones(len(updated), dtype=np.bool_)
        keep[row] = False
    told = Told(
        score_name=[step] * len(row),
        score=refused.column("score").to_pylist(),
        threshold=refused.column("threshold").to_pylist(),
        reason=refused.column("reason").to_pylist(),
    )
    return drop(updated, operator.over, keep, told, step)
