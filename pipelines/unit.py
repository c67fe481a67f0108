"""One unit: read it, walk its rows through the steps of a segment, commit; free of Ray.

A unit's files are a function of the unit: a second attempt writes the same names with the same
bytes, so retries and resumes need no coordination. `.done` is written last and commits it.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from pipelines.buckets import project_unit
from pipelines.decided import enter
from pipelines.folder import RunFolder, read_json, write_json
from pipelines.ledger import LEDGER, StepCount, check_conservation
from pipelines.plan import Segment
from pipelines.recipe import Step
from pipelines.spent import FILES, OPERATORS, Seconds, now, spending
from pipelines.walk import Apply, Outcome, after, apply_step, gather, walk
from stages.errors import QuernError
from stages.files import read_table, settle, write_table
from stages.media import MediaStore
from stages.places import AnyPath, exists, remove
from stages.record import SCHEMA, conform
from stages.stage import ASSETS, Batch, Chunk, Fault, Source, Unit

CHUNK_ROWS = 256
"""Rows that walk through all steps together: they share tokens and decoded pictures."""
TABLES = ("kept", "rejected", "quarantine", "assets")
"""The tables that a unit may leave."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """What the work on any unit of a segment needs; it travels to the workers.

    Attributes:
        folder: the run folder.
        source: where the rows of the first segment come from.
        segment: what to do.
        seed: the run's seed.
        buckets: number of buckets of a Regroup.
    """

    folder: RunFolder
    source: Source
    segment: Segment
    seed: int
    buckets: int


@dataclass(frozen=True, kw_only=True)
class Task:
    """A unit to do.

    Attributes:
        unit: what is read.
        fingerprint: what its `.done` will say.
    """

    unit: Unit
    fingerprint: str


@dataclass(frozen=True, kw_only=True)
class State:
    """A unit on its way through a segment.

    Attributes:
        task: which unit.
        outcome: its rows so far, kept, rejected and quarantined, and the counts.
        assets: media found in the crawl.
        faults: pieces of input that could not be read.
    """

    task: Task
    outcome: Outcome
    assets: pa.Table
    faults: tuple[Fault, ...] = ()


Incoming = tuple[Outcome, Chunk]


def run_unit(job: Job, task: Task) -> dict[str, Any]:
    """Do all of a unit's work in this process; return what its `.done` says."""
    return commit(job, begin(job, task, job.segment.steps))


def begin(
    job: Job,
    task: Task,
    steps: Sequence[Step],
    *,
    read: Callable[[Job, Unit], Iterable[Incoming]] | None = None,
    apply: Apply = apply_step,
) -> State:
    """Read a unit and walk its rows through the first steps of the segment.

    Args:
        job: what is done.
        task: to which unit.
        steps: the steps that run in this worker.
        read: gives the rows that enter; `incoming` unless the unit is known to be dangerous.
        apply: applies one step to a batch.
    """
    clear(job, task)
    mark_started(job, task)
    outcomes: list[Outcome] = []
    assets: list[pa.Table] = []
    faults: list[Fault] = []
    for outcome, chunk in (read or incoming)(job, task.unit):
        outcomes.append(onward(outcome, steps, apply))
        assets += [chunk.assets] if chunk.assets is not None else []
        faults += chunk.faults
    return State(
        task=task,
        outcome=gather(outcomes),
        assets=pa.concat_tables([ASSETS.empty_table(), *assets]),
        faults=tuple(faults),
    )


def onward(outcome: Outcome, steps: Sequence[Step], apply: Apply = apply_step) -> Outcome:
    """Walk the rows of an outcome through more steps, a chunk at a time."""
    if not steps:
        return outcome
    return after(outcome, gather([walk(chunk, steps, apply) for chunk in chunks(outcome.batch)]))


def chunks(batch: Batch) -> list[Batch]:
    """Return the rows in the runs, at least one, in which they walk."""
    index = np.arange(len(batch)) // CHUNK_ROWS
    return [batch.keep_rows(index == i) for i in range(int(index.max(initial=0)) + 1)]


def incoming(job: Job, unit: Unit) -> Iterator[Incoming]:
    """Yield the rows that enter the segment, with the chunk of the source they came in."""
    if job.segment.index == 1:
        yield from _read(job, unit)
        return
    start = now()
    with spending(FILES):
        kept = read_table(job.folder.unit_file(job.segment.index - 1, unit.index, "kept.parquet"))
    outcome = Outcome(batch=_batch(job, conform(kept)))
    if job.segment.entry is not None:
        outcome = enter(job.folder, job.segment, unit.index, outcome.batch, job.buckets, start)
    yield outcome, Chunk(rows=SCHEMA.empty_table())


def _read(job: Job, unit: Unit) -> Iterator[Incoming]:
    yield faulty(job)
    try:
        chunks = iter(job.source.read(unit))
        while True:
            start = now()
            with spending(OPERATORS):
                chunk = next(chunks, None)
            if chunk is None:
                return
            yield _counted(job, conform(chunk.rows), start), chunk
    except QuernError:
        raise
    except Exception:  # a parser's own bug costs the rest of this unit, visibly
        message = traceback.format_exc(limit=-3)
        yield faulty(job, Fault(path=unit.path, offset=unit.start, message=message))


def faulty(job: Job, *faults: Fault) -> Incoming:
    """Return an entry of no rows, with the faults."""
    nothing = SCHEMA.empty_table()
    counted = _counted(job, nothing, now())
    return counted, Chunk(rows=nothing, faults=faults)


def _counted(job: Job, rows: pa.Table, start: Seconds) -> Outcome:
    took = now() - start
    count = StepCount(
        name="read",
        rows_in=rows.num_rows,
        rows_out=rows.num_rows,
        bytes_in=rows.nbytes,
        seconds=took.wall,
        cpu_s=took.cpu,
    )
    return Outcome(batch=_batch(job, rows), counts=(count,))


def _batch(job: Job, table: pa.Table) -> Batch:
    return Batch(table=table, store=MediaStore(root=job.folder.media), seed=job.seed)


def clear(job: Job, task: Task) -> None:
    """Remove the files of an earlier attempt with other options, `.done` first."""
    for whats in (["done"], [f"{what}.parquet" for what in TABLES]):
        place = (job.segment.index, task.unit.index)
        remove(job.folder.unit_file(*place, what) for what in whats)


def mark_started(job: Job, task: Task) -> None:
    """Note that a unit is being worked on, and how often that was tried."""
    path = job.folder.unit_file(job.segment.index, task.unit.index, "started")
    before = read_json(path) or {}
    same = before.get("fingerprint") == task.fingerprint
    attempts = int(before.get("attempts", 0)) + 1 if same else 1
    told = {"fingerprint": task.fingerprint, "attempts": attempts, "pid": os.getpid()}
    write_json(
        path, told, settled=False
    )  # a power cut is no attempt that a row may be to blame for


def commit(job: Job, state: State) -> dict[str, Any]:
    """Write a unit's files and, last, its `.done`; return what that says."""
    segment, unit = job.segment, state.task.unit
    outcome = state.outcome
    check_conservation(outcome.counts)
    kept = conform(outcome.batch.table)
    tables = {
        "kept": kept,
        "rejected": pa.concat_tables([LEDGER.empty_table(), *outcome.rejected]),
        "quarantine": concat(outcome.quarantined),
        "assets": state.assets,
    }
    paths = {
        what: job.folder.unit_file(segment.index, unit.index, f"{what}.parquet")
        for what, table in tables.items()
        if table.num_rows or what == "kept"
    }
    files = {what: _write(path, tables[what]) for what, path in paths.items()}
    written = list(paths.values())
    if segment.exit is not None:
        assets = _assets(job, unit) if segment.index > 1 else state.assets
        place = (job.folder, segment, unit.index)
        written += project_unit(*place, _batch(job, kept), assets, job.buckets)
    with spending(FILES):
        settle(written)
    report = {
        "fingerprint": state.task.fingerprint,
        "unit": unit.index,
        "rows": kept.num_rows,
        "rejected": tables["rejected"].num_rows,
        "quarantined": tables["quarantine"].num_rows,
        "assets": state.assets.num_rows,
        "files": files,
        "faults": [asdict(fault) for fault in state.faults],
        "counts": [count.as_dict() for count in outcome.counts],
    }
    write_json(job.folder.unit_file(segment.index, unit.index, "done"), report)
    remove([job.folder.unit_file(segment.index, unit.index, "started")])
    return report


def _assets(job: Job, unit: Unit) -> pa.Table:
    """Return the media that the first segment found in the crawl with this unit."""
    path = job.folder.unit_file(1, unit.index, "assets.parquet")
    return read_table(path) if exists(path) else ASSETS.empty_table()


def concat(tables: Sequence[pa.Table]) -> pa.Table:
    """Return conforming rows as one table; columns that some lack are null there."""
    whole = [conform(table) for table in (SCHEMA.empty_table(), *tables)]
    return conform(pa.concat_tables(whole, promote_options="default"))


def _write(path: AnyPath, table: pa.Table) -> dict[str, Any]:
    """Write a table whole, to be settled; return its file's size and sha256."""
    with spending(FILES):
        # in other chunks: other bytes
        measure = write_table(path, table.combine_chunks(), settled=False)
    return {"bytes": measure.bytes, "sha256": measure.sha256}
