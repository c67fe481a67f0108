"""The work of a run done in the calling process, so that most tests of the runner need no Ray."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pipelines.decide import Decision, decide
from pipelines.mill import ShardTask, write_shard
from pipelines.unit import Job, Task, run_unit
from stages.shards import ShardInfo


@dataclass(kw_only=True)
class InProcess:
    """Does all work of a run in the calling process, and keeps a list of what it did.

    Attributes:
        did: names such as `unit 1/0` (segment/unit), `bucket 1/0`, `shard part-00000.parquet`.
        stop_after: number of pieces of work after which it raises KeyboardInterrupt; 0: never.
    """

    stop_after: int = 0

    def __post_init__(self) -> None:
        self.did: list[str] = []

    def _note(self, name: str) -> None:
        if self.stop_after and len(self.did) >= self.stop_after:
            raise KeyboardInterrupt
        self.did.append(name)

    def units(self, job: Job, tasks: Sequence[Task]) -> Iterator[dict[str, Any]]:
        for task in tasks:
            self._note(f"unit {job.segment.index}/{task.unit.index}")
            yield run_unit(job, task)

    def decisions(self, decisions: Sequence[Decision]) -> Iterator[str]:
        for decision in decisions:
            self._note(f"bucket {decision.segment.index}/{decision.name}")
            yield decide(decision)

    def shards(self, tasks: Sequence[ShardTask]) -> Iterator[ShardInfo]:
        for task in tasks:
            self._note(f"shard {task.job.file}")
            yield write_shard(task)
