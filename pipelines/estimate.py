"""An estimate of a run from a probe of its input: time, memory, disk and cost, step by step.

Everything is in proportion to rows, which holds for what looks at one row at a time; of what
compares rows with each other a sample tells the work, not how much will be found.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass

from pipelines.plan import Segment, bucket_count, compute_classes, cut
from pipelines.probe import READ, RUNNER, SHARDS, Cost, Probe, probe
from pipelines.recipe import Recipe
from stages.stage import Regroup

START_S = 10.0  # Ray's start, the first task in every worker, the card and the report
COPIES = 3  # of a unit's rows in memory while they are gathered and written
NODE_BYTES = 2 << 30  # of Ray itself on a node, its object store not counted
STORE_SHARE = 0.3  # of a node's memory that Ray takes for its object store unless told otherwise


@dataclass(frozen=True, kw_only=True)
class StepEstimate:
    """What a step will take for the whole input.

    Attributes:
        name: the step, or what is no step.
        rows_in: rows given.
        rows_out: rows given on; for a Regroup at most.
        cpu_s: CPU seconds of all workers together.
        peak_bytes: memory in one worker beyond what it holds anyway.
        bytes_out: size of the rows given on; for a Regroup of what it looks at, on disk.
        regroups: whether it decides by comparing rows.
    """

    name: str
    rows_in: float
    rows_out: float
    cpu_s: float
    peak_bytes: int
    bytes_out: float
    regroups: bool = False


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What a run will take.

    Attributes:
        recipe: of the run.
        probe: what it was estimated from.
        scale: rows of the whole input for each row of the probe.
        steps: in order.
    """

    recipe: Recipe
    probe: Probe
    scale: float
    steps: tuple[StepEstimate, ...]

    @property
    def cpu_s(self) -> float:
        """Return the CPU seconds of the whole run, the start of workers not counted."""
        return sum(step.cpu_s for step in self.steps)

    @property
    def disk_bytes(self) -> dict[str, float]:
        """Return how big the folders in the run folder will be."""
        return {name: size * self.scale for name, size in sorted(self.probe.files.items())}

    @property
    def worker_bytes(self) -> float:
        """Return the memory that a worker needs at most, what it loads included."""
        units = self.probe.sample.units
        held = max(cost.bytes_out for cost in self.probe.costs.values()) * self.scale / units
        bucket = max(self.probe.projected.values(), default=0) * self.scale / bucket_count(units)
        step = max(step.peak_bytes for step in self.steps)
        loaded = self.probe.resident_bytes + self.probe.start.peak_bytes
        return loaded + max(step + COPIES * held, COPIES * bucket)

    def wall_s(self, cores: int) -> float:
        """Return how long the run will take on so many cores, of any number of machines."""
        rounds = _rounds(self.probe.sample.units, cores)
        own = {step.name: step.cpu_s for step in self.steps}
        seconds = START_S + self.probe.start.wall_s
        for segment in cut(self.recipe):
            seconds += rounds * _segment_s(segment, own, cores)
        others = [step for step in self.steps if step.regroups or step.name in (READ, RUNNER)]
        seconds += rounds * sum(step.cpu_s for step in others) / cores
        return seconds + own.get(SHARDS, 0.0) / cores


def _segment_s(segment: Segment, own: dict[str, float], cores: int) -> float:
    """Return the seconds of a segment's steps: the longest of its pools, or its plain steps."""
    plain, pools = 0.0, [0.0]
    for resources, steps in compute_classes(segment.steps):
        cpu = sum(own[step.name] for step in steps)
        if resources.workers:
            pools.append(cpu / resources.workers)
        else:
            plain += cpu
    return max(plain / cores, *pools)


def _rounds(units: int, cores: int) -> float:
    """Return how much longer work takes because units are whole: 5 units on 4 cores, 1.6."""
    return math.ceil(units / cores) / (units / cores)


def estimate(recipe: Recipe) -> Estimate:
    """Probe the input of a recipe and return what a run will take.

    Raises:
        QuernError: what would stop a run, too.
    """
    found = probe(recipe)
    scale = found.sample.all_rows / max(found.counts[0].rows_in, 1)
    return Estimate(
        recipe=recipe, probe=found, scale=scale, steps=tuple(_steps(recipe, found, scale))
    )


def _steps(recipe: Recipe, found: Probe, scale: float) -> Iterator[StepEstimate]:
    regroups = {step.name for step in recipe.steps if isinstance(step.operator, Regroup)}
    rows = {count.name: count for count in found.counts}
    extra = [name for name in (RUNNER, SHARDS) if name in found.costs]
    for name in [*rows, *(name for name in regroups if name not in rows), *extra]:
        cost, count = found.costs.get(name, Cost()), rows.get(name)
        size = found.projected.get(name, 0) if name in regroups else cost.bytes_out
        yield StepEstimate(
            name=name,
            rows_in=count.rows_in * scale if count is not None else 0,
            rows_out=count.rows_out * scale if count is not None else 0,
            cpu_s=cost.cpu_s * scale,
            peak_bytes=cost.peak_bytes,
            bytes_out=size * scale,
            regroups=name in regroups,
        )


def told(found: Estimate, nodes: int = 0, node_cpus: int = 0, cost_per_hour: float = 0.0) -> str:
    """Return an estimate as text.

    Args:
        found: the estimate.
        nodes: of a cluster to tell about; 0 for none.
        node_cpus: cores of each.
        cost_per_hour: of each, in any currency.
    """
    sample = found.probe.sample
    read, whole = sample.bytes_read / 1e6, sample.bytes_all / 1e6
    lines = [
        f"{found.probe.counts[0].rows_in:,} of about {sample.all_rows:,.0f} rows were probed, "
        f"taken from {read:,.1f} of {whole:,.1f} MB in {sample.units} units",
        f"{'step':<22}{'rows in':>12}{'rows out':>12}{'CPU s':>10}{'peak MB':>9}{'out MB':>10}",
        *map(_line, found.steps),
        *_notes(found),
        "",
    ]
    lines += _machine(found, len(os.sched_getaffinity(0)), "this machine")
    disk = ", ".join(f"{name} {size / 1e6:,.0f}" for name, size in found.disk_bytes.items())
    lines.append(f"run folder: {sum(found.disk_bytes.values()) / 1e6:,.0f} MB ({disk})")
    if nodes:
        cores, seconds = nodes * node_cpus, found.wall_s(nodes * node_cpus)
        lines += ["", *_machine(found, cores, f"{nodes} nodes of {node_cpus} cores")]
        node = (node_cpus * found.worker_bytes + NODE_BYTES) / (1 - STORE_SHARE)
        lines.append(f"each node needs {node / 1e9:,.1f} GB of memory, Ray's store included")
        if cores > sample.units:
            lines.append(f"no more than {sample.units} cores find work: there are as many units")
        if cost_per_hour:
            cost = nodes * seconds / 3600 * cost_per_hour
            lines.append(f"cost {cost:,.2f} at {cost_per_hour:g} per node and hour")
    return "\n".join(lines)


def _line(step: StepEstimate) -> str:
    most = "≤" if step.regroups else ""
    return (
        f"{step.name:<22}{step.rows_in:>12,.0f}{most + format(step.rows_out, ',.0f'):>12}"
        f"{step.cpu_s:>10,.1f}{step.peak_bytes / 1e6:>9,.0f}{step.bytes_out / 1e6:>10,.1f}"
    ).rstrip()


def _notes(found: Estimate) -> list[str]:
    """Return what the numbers do not say."""
    notes: list[str] = []
    regroups = [step.name for step in found.steps if step.regroups]
    if regroups:
        notes.append(
            f"{', '.join(regroups)}: out MB is what they look at, on disk; how many rows they drop "
            f"cannot be told from a sample, where few rows meet their duplicates, so what comes "
            f"after them is an upper bound"
        )
    for step in found.recipe.steps:
        if step.resources.workers and step.resources.gpus:
            notes.append(
                f"{step.name}: measured here; {step.resources.workers} workers with "
                f"{step.resources.gpus:g} GPU each are reckoned with"
            )
    return notes


def _machine(found: Estimate, cores: int, name: str) -> list[str]:
    return [
        f"{name}: {_duration(found.wall_s(cores))} on {cores} cores, {found.cpu_s:,.0f} CPU s and "
        f"{found.probe.start.cpu_s:,.1f} more for each worker that starts; a worker needs up to "
        f"{found.worker_bytes / 1e9:,.1f} GB"
    ]


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:,.0f} s"
    return f"{seconds / 60:,.0f} min" if seconds < 7200 else f"{seconds / 3600:,.1f} h"
