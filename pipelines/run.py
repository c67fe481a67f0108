"""Running on Ray Data, on one machine or many: the `Workers` of a run.

Ray is told as little as possible: one operator per compute class, a unit per block, finite
retries, and a sink that has committed a unit before it reports it. Nothing but the reports
comes back, and no row crosses a process boundary unless a model's own workers take it.
"""

from __future__ import annotations

import logging
import os
import pickle
import signal
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipelines.decide import Decision, decide
from pipelines.folder import read_json
from pipelines.isolated import run_unit_isolated
from pipelines.mill import ShardTask, write_shard
from pipelines.plan import ROOT, compute_classes
from pipelines.recipe import Step
from pipelines.unit import Job, State, Task, begin, commit, onward
from stages.errors import QuernError, StallError
from stages.shards import ShardInfo
from stages.stage import Resources

RETRIES = 2
ATTEMPTS = RETRIES + 1
STORE_SHARE = 0.12  # of memory, for Ray's object store: rows do not pass through it
ENVIRONMENT = {
    "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_task_oom_retries": str(RETRIES),  # Ray's default is endless
}


@contextmanager
def ray_session(cpus: int = 0) -> Iterator[None]:
    """Start Ray on this machine, unless it is started, and leave it as it was found.

    Args:
        cpus: cores to use; 0 uses all.
    """
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    import ray  # reads the environment when it is imported

    if ray.is_initialized():
        yield
        return
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    ray.init(
        address="local",  # without it, Ray joins whatever session it finds traces of
        num_cpus=cpus or len(os.sched_getaffinity(0)),
        object_store_memory=int(memory * STORE_SHARE),
        runtime_env={"env_vars": {"PYTHONPATH": str(ROOT)}},
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
    )
    terminate = signal.signal(signal.SIGTERM, signal.default_int_handler)  # Ray's own aborts
    try:
        yield
    finally:
        ray.shutdown()
        signal.signal(signal.SIGTERM, terminate)


@dataclass(frozen=True, kw_only=True)
class OnRay:
    """Does the work of a run on the Ray session at hand.

    Attributes:
        stall_minutes: time without a finished unit after which the run stops.
    """

    stall_minutes: float

    def units(self, job: Job, tasks: Sequence[Task]) -> Iterator[dict[str, Any]]:
        """Do units; those that kill their worker again and again are done apart."""
        from ray.exceptions import RayError

        _check_pools(job)
        todo = {task.unit.index: task for task in tasks}
        while todo:
            try:
                for report in self._stream(list(todo.values()), _unit_operators(job)):
                    del todo[report["unit"]]
                    yield report
            except RayError:
                dangerous = [task for task in todo.values() if _attempts(job, task) >= ATTEMPTS]
                with _explained("doing units" if not dangerous else "doing units one by one"):
                    if not dangerous:
                        raise
                    for report in self._stream(dangerous, [(Resources(), _apart(job))]):
                        del todo[report["unit"]]
                        yield report

    def decisions(self, decisions: Sequence[Decision]) -> Iterator[str]:
        """Decide buckets."""
        with _explained("deciding buckets"):
            yield from self._stream(decisions, [(Resources(), _reporting(decide))])

    def shards(self, tasks: Sequence[ShardTask]) -> Iterator[ShardInfo]:
        """Write shards."""
        with _explained("writing shards"):
            yield from self._stream(tasks, [(Resources(), _reporting(write_shard))])

    def _stream(
        self, items: Sequence[Any], operators: Sequence[tuple[Resources, Any]]
    ) -> Iterator[Any]:
        """Send items through Ray operators and yield what comes out, as it comes."""
        import ray.data
        from ray.data.exceptions import ExecutionTimeoutError

        if not items:
            return
        blobs = [{"item": pickle.dumps(item)} for item in items]
        _set_context(ray.data.DataContext.get_current(), self.stall_minutes)
        dataset: Any = ray.data.from_items(blobs, override_num_blocks=len(blobs))
        with warnings.catch_warnings():  # Ray 2.60 names no other way to bound retries
            warnings.simplefilter("ignore", category=DeprecationWarning)
            for resources, function in operators:
                dataset = dataset.map_batches(function, **_compute(resources))
        try:
            for block in dataset.iter_batches(batch_size=None, batch_format="pyarrow"):
                yield from map(_unpacked, block.column("item").to_pylist())
        except ExecutionTimeoutError as error:
            names = ", ".join(map(_name, items[:5])) + (", ..." if len(items) > 5 else "")
            raise StallError(
                f"nothing was finished for {self.stall_minutes:g} minutes while doing {names}; "
                f"raise stall_minutes if one may take that long. Ray says: {error}"
            ) from error


@contextmanager
def _explained(doing: str) -> Iterator[None]:
    """Turn Ray's errors, which fill a screen, into one that says what was going on."""
    from ray.exceptions import RayError

    try:
        yield
    except RayError as error:
        first = str(error).partition("\n")[0]
        raise QuernError(f"Ray stopped the run while {doing}: {first}") from error


def _set_context(context: Any, stall_minutes: float) -> None:
    context.execution_options.preserve_order = False
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    context.max_errored_blocks = 0  # more would lose blocks in silence
    context.target_max_block_size = None  # one unit in, one block out
    context.execution_no_progress_timeout_s = stall_minutes * 60
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)  # errors are raised, not logged


def _unpacked(blob: bytes) -> Any:
    result = pickle.loads(blob)
    if isinstance(result, QuernError):
        raise result
    return result


def _name(item: Any) -> str:
    if isinstance(item, Task):
        return f"unit {item.unit.index} of {Path(item.unit.path).name}"
    return f"bucket {item.name}" if isinstance(item, Decision) else f"shard {item.job.file}"


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


def _check_pools(job: Job) -> None:
    """Refuse pools that leave no core for the steps between them: Ray would wait for ever."""
    import ray

    there: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    classes = compute_classes(job.segment.steps)
    cpus = sum(resources.cpus * resources.workers for resources, _ in classes)
    gpus = sum(resources.gpus * resources.workers for resources, _ in classes)
    if cpus > there.get("CPU", 0) - 1 and cpus:
        raise QuernError(
            f"segment {job.segment.index} wants {cpus:g} CPUs for its workers and one for its "
            f"other steps, there are {there.get('CPU', 0):g}; give an operator fewer workers or "
            f"less CPU each, or put `checkpoint: true` between two of them"
        )
    if gpus > there.get("GPU", 0):
        raise QuernError(
            f"segment {job.segment.index} wants {gpus:g} GPUs, there are {there.get('GPU', 0):g}; "
            f"put `checkpoint: true` between two operators that use one, or add GPUs"
        )


def _unit_operators(job: Job) -> list[tuple[Resources, Any]]:
    """Return the Ray operators of a segment: a run of CPU steps, or a pool, each."""
    classes = compute_classes(job.segment.steps)
    if not classes or classes[0][0].workers:
        classes.insert(0, (Resources(), ()))
    operators: list[tuple[Resources, Any]] = []
    for place, (resources, steps) in enumerate(classes):
        first, last = place == 0, place == len(classes) - 1
        work = _Work(job=job, steps=steps, first=first, last=last)
        operators.append((resources, _pool(work) if resources.workers else _reporting(work)))
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


def _apart(job: Job) -> Any:
    return _reporting(lambda task: run_unit_isolated(job, task))


def _reporting(function: Callable[[Any], Any]) -> Callable[[pa.Table], pa.Table]:
    """Return the function on a block of pickled items; errors are handed to the driver."""

    def on_block(block: pa.Table) -> pa.Table:
        results = []
        for blob in block.column("item").to_pylist():
            item = pickle.loads(blob)
            try:
                result = item if isinstance(item, QuernError) else function(item)
            except QuernError as error:
                result = error
            except Exception:  # a fault of the product's own, told without Ray's hundred lines
                result = QuernError(f"unexpected: {traceback.format_exc(limit=-3)}")
            results.append(pickle.dumps(result))
        return pa.table({"item": pa.array(results, pa.large_binary())})

    return on_block


def _pool(work: _Work) -> type:
    """Return the class of the actors that do the work; Ray wants a class for a pool."""
    on_block = _reporting(work)

    class Pool:
        def __call__(self, block: pa.Table) -> pa.Table:
            return on_block(block)

    return Pool


def _attempts(job: Job, task: Task) -> int:
    path = job.folder.unit_file(job.segment.index, task.unit.index, "started")
    report = read_json(path) or {}
    same = report.get("fingerprint") == task.fingerprint
    return int(report.get("attempts", 0)) if same else 0
