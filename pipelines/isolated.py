"""Units that kill their worker: the same work with every step in a process of its own.

A crash then looks like an exception, and the walk's bisecting finds the row that is to blame.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import Any

from pipelines.recipe import Step
from pipelines.spent import OPERATORS, spending
from pipelines.unit import Incoming, Job, Task, begin, commit, faulty, incoming
from pipelines.walk import Outcome, apply_step
from stages.errors import QuernError
from stages.sandbox import Failure, Sandbox
from stages.stage import Batch, Fault, Unit

TIMEOUT_S = 600.0
MEMORY_BYTES = 8 << 30


class WorkerDiedError(Exception):
    """The process that did the work died, was killed, or took too long."""


def run_unit_isolated(job: Job, task: Task) -> dict[str, Any]:
    """Do a unit's work as `run_unit` does, surviving input that kills processes."""
    steps = job.segment.steps
    return commit(job, begin(job, task, steps, read=_read_in_child, apply=_apply_in_child))


def _read_in_child(job: Job, unit: Unit) -> list[Incoming]:
    try:
        return list(_in_child("pipelines.isolated:read_unit", (job, unit)))
    except WorkerDiedError as error:
        return [faulty(job, Fault(path=unit.path, offset=unit.start, message=str(error)))]


def _apply_in_child(step: Step, batch: Batch) -> Outcome:
    with spending(OPERATORS):
        outcome: Outcome = _in_child("pipelines.isolated:apply_pair", (step, batch.alone()))
    return outcome


def _in_child(function: str, item: Any) -> Any:
    sandbox = Sandbox(function, timeout_s=TIMEOUT_S, memory_bytes=MEMORY_BYTES)
    with closing(sandbox):
        (result,) = sandbox.map([item])
    if isinstance(result, QuernError):
        raise result  # the walk knows for which of them no row is to blame
    if isinstance(result, Failure):
        raise WorkerDiedError(f"{result.kind}: {result.detail}")
    return result


def read_unit(item: tuple[Job, Unit]) -> list[Incoming] | QuernError:
    """Read a whole unit, or say why it cannot be done; runs in the child."""
    try:
        return [(_alone(outcome), chunk) for outcome, chunk in incoming(*item)]
    except QuernError as error:
        return error


def apply_pair(item: tuple[Step, Batch]) -> Outcome | QuernError:
    """Apply one step, or say why it cannot be done; runs in the child."""
    try:
        return _alone(apply_step(*item))
    except QuernError as error:
        return error


def _alone(outcome: Outcome) -> Outcome:
    return replace(outcome, batch=outcome.batch.alone())
