"""One unit cut anew: rows whose fate is told by stored scores are taken over, the others walk.

The files are those that `run_unit` would write, to the byte, since rows and ledger entries are
laid in the order in which a walk leaves them.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.changed import Changed, Committed, generates, retold, touched
from pipelines.folder import RunFolder, read_json
from pipelines.ledger import LEDGER, StepCount, add_counts
from pipelines.plan import Segment
from pipelines.recipe import Step
from pipelines.unit import Job, State, Task, chunks, clear, commit, incoming, mark_started
from pipelines.walk import Outcome, after, gather, walk
from stages.elements import Ints
from stages.errors import StorageError
from stages.files import open_parquet, read_table
from stages.places import AnyPath, exists
from stages.record import column_type, conform
from stages.stage import ASSETS, Batch, Fault


@dataclass(frozen=True, kw_only=True)
class Before:
    """A segment of the run that is cut.

    Attributes:
        folder: of that run.
        segment: as it was there.
        changes: the steps that have other options now.
    """

    folder: RunFolder
    segment: Segment
    changes: tuple[Changed, ...]

    @property
    def unchanged(self) -> int:
        """Number of steps before the first that changed."""
        return min((each.place for each in self.changes), default=len(self.segment.steps))


@dataclass(kw_only=True)
class _Cut:
    """A unit on its way.

    Attributes:
        before: where its rows come from.
        steps: as they are now.
        kept: the unit's kept rows before.
        rejected: entries of the segment's own steps, told by the limits now.
        place: row of `kept` by id.
        walks: ids of rows that walk; None for all rows.
        failed: ids of rows that failed before.
        counts: what rows that walked did to each step now, less what they did before.
        walked: rows that went through steps.
    """

    before: Before
    steps: tuple[Step, ...]
    kept: pa.Table
    rejected: pa.Table
    place: dict[str, int]
    walks: set[str] | None
    failed: frozenset[str]
    counts: list[tuple[StepCount, ...]]
    walked: int = 0


def cut_unit(job: Job, before: Before, task: Task) -> tuple[dict[str, Any], int]:
    """Do a unit's work; return what its `.done` says, and how many rows went through steps.

    Raises:
        StorageError: when files of the run that is cut are missing or damaged.
    """
    cut, told = _opened(job, before, task.unit.index)
    clear(job, task)
    mark_started(job, task)
    outcomes, assets = list[Outcome](), [ASSETS.empty_table()]
    faults: list[Fault] = []
    for outcome, chunk in incoming(job, task.unit):
        outcomes.append(_onward(cut, outcome))
        assets += [chunk.assets] if chunk.assets is not None else []
        faults += chunk.faults
    whole = gather(outcomes)
    whole = replace(whole, counts=_counted(whole.counts, told, cut))
    state = State(task=task, outcome=whole, assets=pa.concat_tables(assets), faults=tuple(faults))
    return commit(job, state), cut.walked


def _opened(job: Job, before: Before, unit: int) -> tuple[_Cut, dict[str, Any]]:
    """Return what is known of a unit, and what its `.done` says."""
    done = before.folder.unit_file(before.segment.index, unit, "done")
    told = read_json(done)
    if told is None:
        raise StorageError(f"{done} is missing or damaged; run the command of that run again")
    committed = _committed(before, unit)
    ids = committed.kept.column("id").to_pylist()
    walks = None
    if _is_unique(committed, ids) and not generates(job.segment.steps):
        walks = touched(committed, before.changes, before.segment.steps)
    return _Cut(
        before=before,
        steps=job.segment.steps,
        kept=committed.kept,
        rejected=committed.rejected if walks is None else _untouched(committed, before, walks),
        place={id_: row for row, id_ in enumerate(ids)},
        walks=walks,
        failed=committed.failed,
        counts=[],
    ), told


def _committed(before: Before, unit: int) -> Committed:
    def path(what: str) -> AnyPath:
        return before.folder.unit_file(before.segment.index, unit, f"{what}.parquet")

    rejected, failed = LEDGER.empty_table(), frozenset[str]()
    if exists(path("rejected")):
        rejected = read_table(path("rejected")).cast(LEDGER)
    if exists(path("quarantine")):
        failed = frozenset(read_table(path("quarantine"), ["id"]).column("id").to_pylist())
    names = pa.array([step.name for step in before.segment.steps], pa.string())
    mine = pc.is_in(rejected.column("step"), value_set=names)
    return Committed(kept=_kept(path("kept")), rejected=rejected.filter(mine), failed=failed)


def _kept(path: AnyPath) -> pa.Table:
    """Return kept rows with the very types that they were written from.

    Parquet has other names than Arrow for what is inside lists; written again under those, equal
    rows would make other bytes.
    """
    table = conform(read_table(path))
    with open_parquet(path) as file:
        stored = (file.metadata.metadata or {})[b"ARROW:schema"]
    written = pa.ipc.read_schema(pa.BufferReader(base64.b64decode(stored)))
    columns = [
        column if column_type(name) is not None else column.cast(written.field(name).type)
        for name, column in zip(table.column_names, table.columns, strict=True)
    ]
    types = [column.type for column in columns]
    return pa.Table.from_arrays(
        columns, schema=pa.schema(list(zip(table.column_names, types, strict=True)))
    )


def _is_unique(committed: Committed, kept: Sequence[str]) -> bool:
    """Tell whether each row of a unit has an id of its own."""
    rows = committed.rejected.filter(pc.equal(committed.rejected.column("element"), -1))
    ids = [*kept, *rows.column("id").to_pylist(), *committed.failed]
    return len(set(ids)) == len(ids)


def _untouched(committed: Committed, before: Before, walks: set[str]) -> pa.Table:
    ids = pa.array(sorted(walks), pa.string())
    stay = pc.invert(pc.is_in(committed.rejected.column("id"), value_set=ids))
    return retold(committed.rejected.filter(stay), before.changes)


def _onward(cut: _Cut, outcome: Outcome) -> Outcome:
    """Return what becomes of rows that enter the segment."""
    pieces = chunks(outcome.batch)
    whole = gather([_chunk(cut, piece) for piece in pieces])
    if not len(whole.batch):  # its columns are those that the first piece has when it ends
        same = not cut.walked and not cut.kept.num_rows
        empty = whole.batch.with_rows(cut.kept) if same else walk(pieces[0], cut.steps).batch
        whole = replace(whole, batch=empty)
    return after(outcome, whole)


def _chunk(cut: _Cut, batch: Batch) -> Outcome:
    ids: list[str] = batch.table.column("id").to_pylist()
    walks = cut.walks
    if walks is not None and cut.failed.isdisjoint(ids):
        some = np.array([id_ in walks for id_ in ids], dtype=np.bool_)
        if not some.any():
            return _laid(cut, batch, ids, None)
        outcome, counts = _walked(cut, batch.keep_rows(some))
        if not outcome.quarantined:
            cut.counts += counts
            cut.walked += int(some.sum())
            return _laid(cut, batch, ids, outcome)
    # where a row fails, the order of the entries is that of the halves of the batch
    outcome, counts = _walked(cut, batch)
    cut.counts += counts
    cut.walked += len(batch)
    return outcome


def _walked(cut: _Cut, batch: Batch) -> tuple[Outcome, list[tuple[StepCount, ...]]]:
    """Walk rows through the steps as they are now; return also what that adds to the counts.

    What the rows added to them before is found out by walking them through the old steps, too.
    """
    same = cut.before.unchanged
    head = walk(batch, cut.steps[:same])
    now = walk(head.batch, cut.steps[same:])
    old = walk(head.batch, cut.before.segment.steps[same:])
    spent = tuple(_only_time(count) for count in head.counts)
    gone = tuple(_negative(count) for count in old.counts)
    return replace(after(head, now), counts=()), [spent, now.counts, gone]


def _only_time(count: StepCount) -> StepCount:
    return StepCount(name=count.name, seconds=count.seconds, cpu_s=count.cpu_s)


def _negative(count: StepCount) -> StepCount:
    """Return what takes a count back, but for the time spent."""
    numbers = [each.name for each in fields(count) if each.name not in ("name", "seconds", "cpu_s")]
    taken = {name: -getattr(count, name) for name in numbers}
    return StepCount(name=count.name, **taken)


def _counted(
    incoming: Sequence[StepCount], told: dict[str, Any], cut: _Cut
) -> tuple[StepCount, ...]:
    """Return the counts of a unit: before the steps, then of each step."""
    names = {step.name for step in cut.steps}
    before = [StepCount(**count) for count in told["counts"] if count["name"] in names]
    return (*incoming, *add_counts([before, *cut.counts]))


def _laid(cut: _Cut, batch: Batch, ids: Sequence[str], walked: Outcome | None) -> Outcome:
    """Lay rows and entries that are taken over and those that come from a walk in one order."""
    row = {id_: number for number, id_ in enumerate(ids)}
    tables, ledgers = [], []
    over = [id_ for id_ in ids if cut.walks is not None and id_ not in cut.walks]
    taken = [cut.place[id_] for id_ in over if id_ in cut.place]
    if taken:
        tables.append(cut.kept.take(pa.array(taken, pa.int64())))
    here = pc.is_in(cut.rejected.column("id"), value_set=pa.array(over, pa.string()))
    ledgers.append(cut.rejected.filter(here))
    if walked is not None:
        tables += [conform(walked.batch.table)] if len(walked.batch) else []
        ledgers += walked.rejected
    return Outcome(
        batch=batch.with_rows(_in_order(tables, row) if tables else batch.table.slice(0, 0)),
        rejected=(_entries_in_order(pa.concat_tables(ledgers), row, cut.steps),),
    )


def _in_order(tables: Sequence[pa.Table], row: dict[str, int]) -> pa.Table:
    table = pa.concat_tables(tables, promote_options="default")
    return table.take(pa.array(np.argsort(_rows(table, row))))


def _rows(table: pa.Table, row: dict[str, int]) -> Ints:
    return np.array([row[id_] for id_ in table.column("id").to_pylist()], dtype=np.int64)


def _entries_in_order(ledger: pa.Table, row: dict[str, int], steps: Sequence[Step]) -> pa.Table:
    """Return entries step by step; of each, those of elements before those of emptied rows."""
    step = {each.name: place for place, each in enumerate(steps)}
    place = np.array([step[name] for name in ledger.column("step").to_pylist()], dtype=np.int64)
    of_samples = pc.equal(ledger.column("over"), "sample").to_numpy()
    emptied = (ledger.column("element").to_numpy() == -1) & ~of_samples
    return ledger.take(pa.array(np.lexsort((_rows(ledger, row), emptied, place))))
