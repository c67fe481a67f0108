"""Running on Ray, on one machine or many: the `Workers` of a run.

Work that needs no pool of its own (most segments, all deciding, all shards) goes out as plain
tasks; a segment with pools goes through Ray Data, whose start costs seconds. Retries are finite
either way, and no progress for `stall_minutes` ends the run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from pipelines.decide import Decision, decide
from pipelines.isolated import run_unit_isolated
from pipelines.mill import ShardTask, write_shard
from pipelines.pools import check_pools, through_pools
from pipelines.tasks import each
from pipelines.unit import Job, Task, run_unit
from stages.errors import QuernError
from stages.shards import ShardInfo


@dataclass(frozen=True, kw_only=True)
class OnRay:
    """Does the work of a run on the Ray session at hand.

    Attributes:
        stall_minutes: time without a finished unit after which the run stops.
    """

    stall_minutes: float

    def units(self, job: Job, tasks: Sequence[Task]) -> Iterator[dict[str, Any]]:
        """Do units; those that kill their worker again and again are done apart."""
        check_pools(job)
        apart = partial(run_unit_isolated, job)
        with _explained("doing units"):
            if any(step.operator.resources.workers for step in job.segment.steps):
                killers = yield from through_pools(job, tasks, self.stall_minutes)
                yield from each(apart, killers, self.stall_minutes)
            else:
                yield from each(partial(run_unit, job), tasks, self.stall_minutes, apart)

    def decisions(self, decisions: Sequence[Decision]) -> Iterator[str]:
        """Decide buckets."""
        with _explained("deciding buckets"):
            yield from each(decide, decisions, self.stall_minutes)

    def shards(self, tasks: Sequence[ShardTask]) -> Iterator[ShardInfo]:
        """Write shards."""
        with _explained("writing shards"):
            yield from each(write_shard, tasks, self.stall_minutes)


@contextmanager
def _explained(doing: str) -> Iterator[None]:
    """Turn Ray's errors, which fill a screen, into one that says what was going on."""
    from ray.exceptions import RayError

    try:
        yield
    except RayError as error:
        first = str(error).partition("\n")[0]
        raise QuernError(f"Ray stopped the run while {doing}: {first}") from error
