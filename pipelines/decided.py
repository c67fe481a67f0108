"""Applying the decisions of a Regroup to the rows of one unit; free of Ray."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.buckets import regroup_of
from pipelines.combine import decision_files
from pipelines.folder import RunFolder, read_batches
from pipelines.ledger import EXCERPT_CHARS, StepCount
from pipelines.plan import Segment
from pipelines.spent import OPERATORS, VERDICTS, Seconds, now, spending
from pipelines.walk import Outcome, Told, drop, drop_emptied, ledger_of
from stages.cut_texts import cut_parts
from stages.elements import with_parts
from stages.stage import Batch, Regroup


def read_decisions(folder: RunFolder, segment: int, unit: int, files: Sequence[str]) -> pa.Table:
    """Return the decisions about one unit, in order of row and element."""
    where = folder.decisions(segment)
    pieces = read_batches([where / f"{name}.arrow" for name in files], unit)
    table = pa.concat_tables(pieces, promote_options="default")
    return table.sort_by([("row", "ascending"), ("element", "ascending")])


def enter(
    folder: RunFolder, segment: Segment, unit: int, batch: Batch, buckets: int, start: Seconds
) -> Outcome:
    """Apply the decisions of the Regroup before a segment to the rows of one unit."""
    assert segment.entry is not None
    operator = regroup_of(segment.entry)
    files = decision_files(operator, buckets)
    decisions = read_decisions(folder, segment.index - 1, unit, files)
    with spending(VERDICTS):
        outcome = apply_decisions(operator, batch, decisions, segment.entry.name)
    judged, dropped = _elements(operator, batch, outcome)
    took = now() - start
    count = StepCount(
        name=segment.entry.name,
        rows_in=len(batch),
        rows_out=len(outcome.batch),
        dropped=len(batch) - len(outcome.batch),
        elements_in=judged,
        elements_dropped=dropped,
        bytes_in=batch.table.nbytes,
        seconds=took.wall,
        cpu_s=took.cpu,
    )
    return replace(outcome, counts=(count,))


def _elements(operator: Regroup, batch: Batch, outcome: Outcome) -> tuple[int, int]:
    """Return how many media or text parts there were, and how many went or lost a stretch."""
    if operator.over == "sample":
        return 0, 0
    judged = len(batch.media()) if operator.over == "media" else int(batch.parts().is_text.sum())
    entries = [table.filter(pc.field("element") >= 0) for table in outcome.rejected]
    groups = [table.group_by(["id", "element"]).aggregate([]) for table in entries]
    return judged, sum(table.num_rows for table in groups)


def apply_decisions(operator: Regroup, batch: Batch, decisions: pa.Table, step: str) -> Outcome:
    """Write down what the decisions tell about a unit's rows, and drop what they refuse."""
    with spending(OPERATORS):
        decisions = operator.settle(batch, decisions)
        updated = operator.update(batch, decisions)
    refused = decisions.filter(pc.invert(decisions.column("keep")))
    if refused.num_rows == 0:
        return Outcome(batch=updated)
    if operator.over == "text" and "start" in refused.column_names:
        return _cut(updated, refused, step)
    row = refused.column("row").to_numpy()
    element = refused.column("element").to_numpy()
    if operator.over == "sample":
        keep = np.ones(len(updated), dtype=np.bool_)
        keep[row] = False
    elif operator.over == "media":
        media = updated.media()
        keep = np.ones(len(media), dtype=np.bool_)
        keep[np.searchsorted(media.row, row) + element] = False
    else:
        parts = updated.parts()
        keep_part = np.ones(len(parts.row), dtype=np.bool_)
        keep_part[np.searchsorted(parts.row, row) + element] = False
        keep = keep_part[parts.is_text]
    return drop(updated, operator.over, keep, _told(refused, step), step)


def _told(refused: pa.Table, step: str) -> Told:
    return Told(
        score_name=[step] * refused.num_rows,
        score=refused.column("score").to_pylist(),
        threshold=refused.column("threshold").to_pylist(),
        reason=refused.column("reason").to_pylist(),
    )


def _cut(batch: Batch, refused: pa.Table, step: str) -> Outcome:
    """Drop stretches of text parts, the parts of which nothing is left, and emptied samples."""
    refused = refused.sort_by([(n, "ascending") for n in ("row", "element", "start")])
    row, element = (refused.column(name).to_numpy() for name in ("row", "element"))
    parts = batch.parts()
    where = np.searchsorted(parts.row, row) + element
    bounds = (refused.column(name).to_pylist() for name in ("start", "stop"))
    values, pieces = cut_parts(parts, where, *bounds)
    blank = pc.equal(pc.utf8_trim_whitespace(values.field("text")), "").fill_null(False)
    keep = ~blank.to_numpy(zero_copy_only=False)
    keep[np.setdiff1d(np.arange(len(keep)), where)] = True
    excerpts = [piece[:EXCERPT_CHARS] for piece in pieces]
    told = _told(refused, step)
    ledger = ledger_of(batch, row, element, "text", told, excerpts, step)
    edited = batch.with_table(with_parts(batch.table, parts, keep, values))
    return drop_emptied(batch, edited, ledger, "text", step)
