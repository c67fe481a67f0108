"""A probe: a sample of the input milled through the real steps, in this process, and measured."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from io import StringIO
from pathlib import Path
from typing import Any

from rich.console import Console

from pipelines.decide import Decision, decide
from pipelines.folder import RunFolder
from pipelines.ledger import StepCount
from pipelines.mill import ShardTask, mill, write_shard
from pipelines.progress import Display
from pipelines.recipe import Recipe, Step
from pipelines.sample import Sample, Sampled, take_sample
from pipelines.unit import Job, Task, begin, commit
from pipelines.walk import Outcome, apply_step
from stages.shards import ShardInfo
from stages.stage import Batch

WALK_S = 30.0
WARM_ROWS = 16
READ, RUNNER, SHARDS = "read", "runner", "write shards"


@dataclass(kw_only=True)
class Cost:
    """What a piece of work took.

    Attributes:
        cpu_s: CPU seconds, those of child processes included.
        wall_s: seconds.
        peak_bytes: memory beyond what was there before.
        bytes_out: size of the rows that it gave on, in memory.
    """

    cpu_s: float = 0.0
    wall_s: float = 0.0
    peak_bytes: int = 0
    bytes_out: int = 0


@dataclass(frozen=True, kw_only=True)
class Probe:
    """What milling the sample took and gave.

    Attributes:
        sample: what was milled.
        counts: per step.
        costs: by step, and of what is no step: READ, RUNNER, SHARDS.
        start: what the first few rows took: models loaded, functions compiled.
        files: bytes that the run folder has, by folder in it.
        projected: bytes of what each Regroup looked at, by step.
        resident_bytes: memory of this process before the probe.
    """

    sample: Sample
    counts: list[StepCount]
    costs: dict[str, Cost]
    start: Cost
    files: dict[str, int]
    projected: dict[str, int]
    resident_bytes: int


def probe(recipe: Recipe) -> Probe:
    """Mill a sample of a recipe's input in a folder that is removed again.

    Raises:
        QuernError: what would stop a run, too.
    """
    resident = _own_memory("VmRSS")
    with tempfile.TemporaryDirectory(prefix="quern-") as name:
        folder = Path(name)
        sample = take_sample(recipe.source, recipe.units, folder)
        with measured() as start:
            _mill(recipe, folder, "warm", rows=WARM_ROWS)
        workers, counts = _mill(recipe, folder, "out", rows=sample.rows)
        scale = sample.rows_read / max(counts[0].rows_in, 1)
        workers.costs[READ] = Cost(cpu_s=sample.read_s / scale, wall_s=sample.read_s / scale)
        out = folder / "out"
        return Probe(
            sample=sample,
            counts=counts,
            costs=workers.costs,
            start=start,
            files={each.name: _size(each) for each in out.iterdir() if each.is_dir()},
            projected=workers.projected,
            resident_bytes=resident,
        )


def _mill(recipe: Recipe, folder: Path, name: str, rows: int) -> tuple[_Here, list[StepCount]]:
    source = Sampled(paths=(str(folder),), seconds=WALK_S, rows=rows)
    small = replace(recipe, source=source, units=tuple(source.units()), max_quarantine_fraction=1.0)
    workers = _Here()
    quiet = Display(console=Console(file=StringIO()))
    result = mill(small, RunFolder(root=folder / name), workers, quiet)
    return workers, result.counts


@dataclass(kw_only=True)
class _Here:
    """Does the work of a run in this process and notes what it takes."""

    costs: dict[str, Cost] = field(default_factory=dict)
    projected: dict[str, int] = field(default_factory=dict)

    def _note(self, name: str, cost: Cost) -> None:
        mine = self.costs.setdefault(name, Cost())
        mine.cpu_s += cost.cpu_s
        mine.wall_s += cost.wall_s
        mine.peak_bytes = max(mine.peak_bytes, cost.peak_bytes)
        mine.bytes_out += cost.bytes_out

    def _apply(self, step: Step, batch: Batch) -> Outcome:
        with measured() as cost:
            outcome = apply_step(step, batch)
        cost.bytes_out = outcome.batch.table.nbytes
        self._note(step.name, cost)
        return outcome

    def units(self, job: Job, tasks: Sequence[Task]) -> Iterator[dict[str, Any]]:
        """Do units; what is no step's goes to the Regroup at the entry, or to the runner."""
        entry, exit_ = job.segment.entry, job.segment.exit
        for task in tasks:
            before = self._steps_cpu(job)
            with measured() as whole:
                state = begin(job, task, job.segment.steps, apply=self._apply)
            steps_s = self._steps_cpu(job) - before
            own = replace(whole, cpu_s=max(0.0, whole.cpu_s - steps_s), peak_bytes=0)
            self._note(entry.name if entry is not None else RUNNER, own)
            with measured() as writing:
                report = commit(job, state)
            self._note(exit_.name if exit_ is not None else RUNNER, writing)
            if exit_ is not None:
                place = job.folder.bucket_rows(job.segment.index, task.unit.index)
                self.projected[exit_.name] = _size(place.parent)
            yield report

    def _steps_cpu(self, job: Job) -> float:
        return sum(self.costs.get(step.name, Cost()).cpu_s for step in job.segment.steps)

    def decisions(self, decisions: Sequence[Decision]) -> Iterator[str]:
        """Decide."""
        for decision in decisions:
            assert decision.segment.exit is not None
            with measured() as cost:
                name = decide(decision)
            self._note(decision.segment.exit.name, cost)
            yield name

    def shards(self, tasks: Sequence[ShardTask]) -> Iterator[ShardInfo]:
        """Write shards."""
        for task in tasks:
            with measured() as cost:
                info = write_shard(task)
            self._note(SHARDS, cost)
            yield info


@contextmanager
def measured() -> Iterator[Cost]:
    """Give a cost that is known when the block ends."""
    cost, cpu, wall = Cost(), _cpu(), time.perf_counter()
    resident = _own_memory("VmRSS") + _stat()[1]
    _forget_peak()
    try:
        yield cost
    finally:
        cost.cpu_s, cost.wall_s = _cpu() - cpu, time.perf_counter() - wall
        cost.peak_bytes = max(0, _own_memory("VmHWM") + _stat()[1] - resident)


def _stat() -> tuple[float, int]:
    """Return CPU seconds and resident bytes of this process's children, by Linux's own account."""
    cpu, resident = 0.0, 0
    for listed in Path("/proc/self/task").glob("*/children"):
        for child in listed.read_text().split():
            try:
                fields = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):  # it has just ended
                continue
            cpu += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
            resident += int(fields[21]) * os.sysconf("SC_PAGE_SIZE")
    return cpu, resident


def _cpu() -> float:
    return time.process_time() + _stat()[0]


def _own_memory(what: str) -> int:
    """Return VmRSS or VmHWM, the most since `_forget_peak`, in bytes; 0 where nobody tells."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(what))


def _forget_peak() -> None:
    forget = Path("/proc/self/clear_refs")
    if forget.exists():
        forget.write_text("5")


def _size(folder: Any) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
