"""Segments with pools of their own, on Ray Data: an operator per compute class, a unit a block.

Rows cross a process boundary only where a model's own workers take them; the sink commits a
unit before it reports it, and nothing but the reports comes back.
"""

from __future__ import annotations

import logging
import pickle
import warnings
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from pipelines.cluster import resources_there
from pipelines.folder import read_json
from pipelines.plan import compute_classes
from pipelines.recipe import Step
from pipelines.tasks import ATTEMPTS, RETRIES, checked, stalled, told
from pipelines.unit import Job, State, Task, begin, commit, onward
from stages.errors import QuernError
from stages.stage import Resources


def check_pools(job: Job) -> None:
    """Refuse pools that leave no core for the steps between them: Ray would wait for ever.

    Raises:
        QuernError: saying what is wanted and what is there.
    """
    there = resources_there()
    classes = compute_classes(job.segment.steps)
    cpus = sum(resources.cpus * resources.workers for resources, _ in classes)
    gpus = sum(resources.gpus * resources.workers for resources, _ in classes)
    plain = max([1.0, *(resources.cpus for resources, _ in classes if not resources.workers)])
    if cpus + plain > there["CPU"] and (cpus or plain > 1):
        raise QuernError(
            f"segment {job.segment.index} wants {cpus:g} CPUs for its workers and {plain:g} for "
            f"its other steps, there are {there['CPU']:g}; give a step fewer workers or less CPU "
            f"each (`resources: {{workers: ..., cpus: ...}}`), or put `checkpoint: true` between "
            f"two of them"
        )
    if gpus > there["GPU"]:
        raise QuernError(
            f"segment {job.segment.index} wants {gpus:g} GPUs, there are {there['GPU']:g}; "
            f"put `checkpoint: true` between two operators that use one, or add GPUs"
        )


def through_pools(
    job: Job, tasks: Sequence[Task], stall_minutes: float
) -> Generator[dict[str, Any], None, list[Task]]:
    """Yield what each unit's `.done` says; return the units that kill their workers.

    Raises:
        QuernError: what stopped it.
        RayError: when workers died and no unit is known to have killed them.
    """
    from ray.exceptions import RayError

    todo, dangerous = {task.unit.index: task for task in tasks}, list[Task]()
    while todo:
        try:
            for report in _stream(list(todo.values()), _operators(job), stall_minutes):
                del todo[report["unit"]]
                yield report
        except RayError:
            killers = [task for task in todo.values() if _attempts(job, task) >= ATTEMPTS]
            if not killers:
                raise
            dangerous += killers
            for task in killers:
                del todo[task.unit.index]
    return dangerous


def _stream(
    tasks: Sequence[Task], operators: Sequence[tuple[Resources, Any]], stall_minutes: float
) -> Generator[Any, None, None]:
    """Send units through Ray operators and yield what comes out, as it comes."""
    import ray.data
    from ray.data.exceptions import ExecutionTimeoutError

    blobs = [{"item": pickle.dumps(task)} for task in tasks]
    _set_context(ray.data.DataContext.get_current(), stall_minutes)
    dataset: Any = ray.data.from_items(blobs, override_num_blocks=len(blobs))
    with warnings.catch_warnings():  # Ray 2.60 names no other way to bound retries
        warnings.simplefilter("ignore", category=DeprecationWarning)
        for resources, function in operators:
            dataset = dataset.map_batches(function, **_compute(resources))
    try:
        for block in dataset.iter_batches(batch_size=None, batch_format="pyarrow"):
            for blob in block.column("item").to_pylist():
                yield checked(pickle.loads(blob))
    except ExecutionTimeoutError as error:
        raise stalled(tasks, stall_minutes, f". Ray says: {error}") from error


def _set_context(context: Any, stall_minutes: float) -> None:
    context.execution_options.preserve_order = False
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    context.max_errored_blocks = 0  # more would lose blocks in silence
    context.target_max_block_size = None  # one unit in, one block out
    context.execution_no_progress_timeout_s = stall_minutes * 60
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)  # errors are raised, not logged


def _compute(resources: Resources) -> dict[str, Any]:
    """Return how Ray shall run an operator: tasks, or a pool of actors of fixed size."""
    from ray.data import ActorPoolStrategy

    common: dict[str, Any] = {
        "batch_size": None,
        "batch_format": "pyarrow",
        "num_cpus": resources.cpus,
    }
    if not resources.workers:
        return {**common, "ray_remote_args_fn": lambda: {"max_retries": RETRIES}}
    remote: dict[str, Any] = {"max_restarts": RETRIES, "max_task_retries": RETRIES}
    if resources.gpus:  # named num_gpus, Ray would insist on a batch size and mix units
        remote["num_gpus"] = resources.gpus
    return {
        **common,
        "compute": ActorPoolStrategy(size=resources.workers),
        "ray_remote_args_fn": lambda: remote,
    }


def _operators(job: Job) -> list[tuple[Resources, Any]]:
    """Return the Ray operators of a segment: a run of CPU steps, or a pool, each."""
    classes = compute_classes(job.segment.steps)
    if classes[0][0].workers:
        classes.insert(0, (Resources(), ()))
    operators: list[tuple[Resources, Any]] = []
    for place, (resources, steps) in enumerate(classes):
        first, last = place == 0, place == len(classes) - 1
        work = _Work(job=job, steps=steps, first=first, last=last)
        operators.append((resources, _pool(work) if resources.workers else _on_block(work)))
    return operators


@dataclass(frozen=True, kw_only=True)
class _Work:
    """What one Ray operator does to a unit."""

    job: Job
    steps: tuple[Step, ...]
    first: bool
    last: bool

    def __call__(self, item: Task | State) -> State | dict[str, Any]:
        if self.first:
            assert isinstance(item, Task)
            state = begin(self.job, item, self.steps)
        else:
            assert isinstance(item, State)
            state = replace(item, outcome=onward(item.outcome, self.steps))
        if self.last:
            return commit(self.job, state)
        alone = replace(state.outcome, batch=state.outcome.batch.alone())
        return replace(state, outcome=alone)


def _on_block(work: _Work) -> Callable[[pa.Table], pa.Table]:
    """Return the work on a block of pickled items; errors are handed to the driver."""

    def on_block(block: pa.Table) -> pa.Table:
        items = map(pickle.loads, block.column("item").to_pylist())
        results = [pickle.dumps(told(work, item)) for item in items]
        return pa.table({"item": pa.array(results, pa.large_binary())})

    return on_block


def _pool(work: _Work) -> type:
    """Return the class of the actors that do the work; Ray wants a class for a pool."""
    on_block = _on_block(work)

    class Pool:
        def __call__(self, block: pa.Table) -> pa.Table:
            return on_block(block)

    return Pool


def _attempts(job: Job, task: Task) -> int:
    path = job.folder.unit_file(job.segment.index, task.unit.index, "started")
    report = read_json(path) or {}
    same = report.get("fingerprint") == task.fingerprint
    return int(report.get("attempts", 0)) if same else 0
