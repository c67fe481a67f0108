"""Milling a recipe: segments in order, decisions between them, shards at the end; free of Ray.

To resume, mill again: units that are done are not opened, and a segment whose fingerprint and
inputs are unchanged is skipped. Who does the work (`Workers`) is somebody else's affair.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from pipelines.decide import Decision, decide_segment
from pipelines.folder import RunFolder, read_json, write_json
from pipelines.ledger import StepCount, add_counts, check_conservation
from pipelines.plan import (
    Segment,
    bucket_count,
    cut,
    identities,
    progress,
    retries,
    shards_fingerprint,
    unit_fingerprint,
)
from pipelines.progress import Display
from pipelines.recipe import Recipe
from pipelines.spent import OPERATORS, spending
from pipelines.unit import Job, Task
from stages.errors import QuarantineError, QuernError, SourceError
from stages.media import MediaStore
from stages.places import at_once, make_folder, names_in, remove
from stages.shards import Manifest, ShardInfo, write_manifest
from stages.write_shards import ShardJob, WriteShards


@dataclass(frozen=True, kw_only=True)
class ShardTask:
    """The writing of one shard.

    Attributes:
        folder: the run folder.
        write: how.
        job: what goes into it.
        fingerprint: what its mark will say.
    """

    folder: RunFolder
    write: WriteShards
    job: ShardJob
    fingerprint: str


def write_shard(task: ShardTask) -> ShardInfo:
    """Write one shard, mark it done and return what it holds."""
    store = MediaStore(root=task.folder.media)
    with spending(OPERATORS):
        info = task.write.write(task.job, store, task.folder.shards)
    mark = {"fingerprint": task.fingerprint, "info": asdict(info)}
    write_json(task.folder.shard_done(task.job.file), mark)
    return info


class Workers(Protocol):
    """Who does the work of a run, in any order and any number of processes."""

    def units(self, job: Job, tasks: Sequence[Task]) -> Iterator[dict[str, Any]]:
        """Do units; yield what each `.done` says as soon as it is committed."""

    def decisions(self, decisions: Sequence[Decision]) -> Iterator[str]:
        """Decide buckets; yield the name of each when its decisions are written."""

    def shards(self, tasks: Sequence[ShardTask]) -> Iterator[ShardInfo]:
        """Write shards; yield what each holds when it is whole."""


@dataclass(frozen=True, kw_only=True)
class SegmentResult:
    """What a segment did.

    Attributes:
        index: from 1.
        skipped: units that were done before.
        seconds: wall time of this run.
        counts: per step, over all units.
        faults: pieces of input that could not be read.
    """

    index: int
    skipped: int
    seconds: float
    counts: tuple[StepCount, ...]
    faults: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a run did.

    Attributes:
        segments: in order.
        counts: per step, over the whole run, in order.
        faults: pieces of input that could not be read.
        shards: what the shards hold; None without a writer.
    """

    segments: tuple[SegmentResult, ...]
    shards: Manifest | None

    @property
    def counts(self) -> list[StepCount]:
        """Return the counts of all steps in order."""
        return [count for segment in self.segments for count in segment.counts]

    @property
    def faults(self) -> list[dict[str, Any]]:
        """Return the pieces of input that could not be read."""
        return [fault for segment in self.segments for fault in segment.faults]


def mill(recipe: Recipe, folder: RunFolder, workers: Workers, display: Display) -> Result:
    """Run a recipe to its shards.

    Raises:
        QuernError: what stopped it; running again goes on from there.
    """
    inputs, segments = identities(recipe), cut(recipe, retries(folder))
    folder.tidy(len(segments), len(inputs))
    results: list[SegmentResult] = []
    for segment in segments:
        results.append(_mill_segment(recipe, segment, inputs, folder, workers, display))
        counts = [count for result in results for count in result.counts]
        check_conservation(counts)
        _check_quarantine(recipe, counts, folder)
        if segment.exit is not None:
            decide_segment(segment, inputs, folder, workers.decisions, display)
    shards = None
    if recipe.write is not None:
        shards = _write_shards(recipe.write, segments[-1], inputs, folder, workers, display)
    folder.sweep()  # a worker that was killed meanwhile may have left a file
    return Result(segments=tuple(results), shards=shards)


def _mill_segment(
    recipe: Recipe,
    segment: Segment,
    inputs: Sequence[str],
    folder: RunFolder,
    workers: Workers,
    display: Display,
) -> SegmentResult:
    job = Job(
        folder=folder,
        source=recipe.source,
        segment=segment,
        seed=recipe.seed,
        buckets=bucket_count(len(inputs)),
    )
    seen = progress(folder, segment, inputs)
    tasks = [
        Task(unit=recipe.units[unit], fingerprint=unit_fingerprint(segment, inputs, unit))
        for unit in seen.todo
    ]
    start = time.perf_counter()
    with display.work(f"segment {segment.index}", len(tasks), len(seen.done)):
        for report in workers.units(job, tasks) if tasks else ():
            counts = [StepCount(**count) for count in report["counts"]]
            display.advance(counts)
            _check_quarantine(recipe, counts, folder, at_least=1000)
    reports = _committed(folder, segment, len(inputs))
    return SegmentResult(
        index=segment.index,
        skipped=len(seen.done),
        seconds=time.perf_counter() - start,
        counts=tuple(
            add_counts([StepCount(**count) for count in report["counts"]] for report in reports)
        ),
        faults=tuple(fault for report in reports for fault in report["faults"]),
    )


def _committed(folder: RunFolder, segment: Segment, units: int) -> list[dict[str, Any]]:
    """Return what the `.done` of every unit says.

    Raises:
        QuernError: when a unit is not done.
        SourceError: when all that was read of the input is faults.
    """
    found = folder.reports(segment.index, units)
    reports = [report for report in found if report is not None]
    if len(reports) < units:
        unit = found.index(None)
        raise QuernError(f"unit {unit} of segment {segment.index} in {folder.root} is not done")
    if segment.index == 1:
        _check_read(reports)
    return reports


def _check_read(reports: Sequence[dict[str, Any]]) -> None:
    """Refuse to call it a success when the input is nothing but faults."""
    rows = any(report["counts"][0]["rows_in"] for report in reports)
    if reports and not rows and all(report["faults"] for report in reports):
        first = reports[0]["faults"][0]
        raise SourceError(
            f"no row could be read: each of the {len(reports)} units of input ended in a fault; "
            f"the first: {first['path']} at {first['offset']}: {first['message']}"
        )


def _check_quarantine(
    recipe: Recipe, counts: Sequence[StepCount], folder: RunFolder, at_least: int = 1
) -> None:
    """Stop when too many rows of a step failed; a share of few rows says nothing yet."""
    for count in counts:
        if count.rows_in < at_least:
            continue
        allowed = recipe.max_quarantine_fraction * count.rows_in
        if count.quarantined > max(allowed, 1):
            raise QuarantineError(
                f"step {count.name} failed on {count.quarantined} of {count.rows_in} rows, more "
                f"than max_quarantine_fraction {recipe.max_quarantine_fraction:g} allows; the "
                f"rows and tracebacks are in {folder.root}/segments/*/*.quarantine.parquet"
            )


def _write_shards(
    write: WriteShards,
    last: Segment,
    inputs: Sequence[str],
    folder: RunFolder,
    workers: Workers,
    display: Display,
) -> Manifest:
    """Write what the last segment kept into shards, then the manifest."""
    fingerprint = shards_fingerprint(last, write, inputs)
    parts = [folder.unit_file(last.index, unit, "kept.parquet") for unit in range(len(inputs))]
    tasks = [
        ShardTask(folder=folder, write=write, job=job, fingerprint=fingerprint)
        for job in write.plan(parts)
    ]
    there = names_in(folder.shards)
    written = at_once(lambda task: _shard_written(task, there), tasks, remote=folder.is_remote)
    infos = dict(zip((task.job.file for task in tasks), written, strict=True))
    stale = [name for name in there if name.endswith(".parquet") and infos.get(name) is None]
    remove(folder.shards / name for name in stale)
    todo = [task for task in tasks if infos[task.job.file] is None]
    with display.work("shards", len(todo), len(tasks) - len(todo)):
        for info in workers.shards(todo) if todo else ():
            infos[info.file] = info
            display.advance([])
    make_folder(folder.shards)
    return write_manifest(folder.shards, [info for info in infos.values() if info is not None])


def _shard_written(task: ShardTask, there: Collection[str]) -> ShardInfo | None:
    """Return what a shard holds that was written before for the same rows, else None."""
    if task.job.file not in there:
        return None
    mark = read_json(task.folder.shard_done(task.job.file))
    if mark is None or mark.get("fingerprint") != task.fingerprint:
        return None
    return ShardInfo(**mark["info"])
