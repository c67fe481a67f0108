"""Running on Ray, on one machine or many: the `Workers` of a run.

Work that needs no pool of its own (most segments, all deciding, all shards) goes out as plain
tasks; a segment with pools goes through Ray Data, whose start costs seconds. Retries are finite
either way, and no progress for `stall_minutes` ends the run.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from pipelines.decide import Decision, decide, kind_of
from pipelines.isolated import run_unit_isolated
from pipelines.mill import ShardTask, write_shard
from pipelines.pools import check_pools, through_pools
from pipelines.spent import Phase
from pipelines.tasks import each
from pipelines.unit import Job, Task, run_unit
from stages.errors import QuernError
from stages.shards import ShardInfo


@dataclass(frozen=True, kw_only=True)
class OnRay:
    """Does the work of a run on the Ray session at hand.

    Attributes:
        stall_minutes: time without a finished unit after which the run stops.
        phases: what was done, and what it took; of pools only for how long.
    """

    stall_minutes: float
    phases: list[Phase] = field(default_factory=list)

    @contextmanager
    def _phase(self, name: str, doing: str) -> Iterator[Phase]:
        phase, start = Phase(name=name), time.perf_counter()
        self.phases.append(phase)
        with _explained(doing):
            try:
                yield phase
            finally:
                phase.wall_s = time.perf_counter() - start

    def units(self, job: Job, tasks: Sequence[Task]) -> Iterator[dict[str, Any]]:
        """Do units; those that kill their worker again and again are done apart."""
        check_pools(job)
        apart = partial(run_unit_isolated, job)
        with self._phase(f"segment {job.segment.index}", "doing units") as phase:
            if any(step.resources.workers for step in job.segment.steps):
                killers = yield from through_pools(job, tasks, self.stall_minutes)
                yield from each(apart, killers, self.stall_minutes, note=phase.add)
            else:
                function = partial(run_unit, job)
                yield from each(
                    function,
                    tasks,
                    self.stall_minutes,
                    cpus=max([1.0, *(step.resources.cpus for step in job.segment.steps)]),
                    instead=apart,
                    note=phase.add,
                )

    def decisions(self, decisions: Sequence[Decision]) -> Iterator[str]:
        """Decide buckets."""
        step = decisions[0].segment.exit
        name = f"{step.name if step is not None else ''} {kind_of(decisions[0].name)}"
        with self._phase(name, "deciding buckets") as phase:
            yield from each(decide, decisions, self.stall_minutes, note=phase.add)

    def shards(self, tasks: Sequence[ShardTask]) -> Iterator[ShardInfo]:
        """Write shards."""
        with self._phase("shards", "writing shards") as phase:
            yield from each(write_shard, tasks, self.stall_minutes, note=phase.add)


@contextmanager
def _explained(doing: str) -> Iterator[None]:
    """Turn Ray's errors, which fill a screen, into one that says what was going on."""
    from ray.exceptions import RayError

    try:
        yield
    except RayError as error:
        first = str(error).partition("\n")[0]
        raise QuernError(f"Ray stopped the run while {doing}: {first}") from error
