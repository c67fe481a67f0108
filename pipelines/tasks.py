"""Plain Ray tasks: a function done on many items, retried a few times, watched for stalls."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import PurePath
from typing import Any

from pipelines.decide import Decision
from pipelines.mill import ShardTask
from pipelines.spent import Spent, bill
from pipelines.unit import Task
from stages.errors import QuernError, StallError

RETRIES = 2
ATTEMPTS = RETRIES + 1
AHEAD = 4  # tasks out per core: none waits for work, and an autoscaler sees that there is more
AT_LEAST = 16  # tasks out where no core is up yet
Function = Callable[[Any], Any]


def each(
    function: Function,
    items: Sequence[Any],
    stall_minutes: float,
    *,
    cpus: float = 1.0,
    instead: Function | None = None,
    note: Callable[[Spent], None] | None = None,
) -> Iterator[Any]:
    """Yield the function's result on each item, in the order in which they are done.

    Args:
        function: what to do, in any process of the cluster.
        items: to what; the tasks of those that are not done yet are ended with the iterator.
        stall_minutes: time without a result after which it raises.
        cpus: cores that each takes.
        instead: what to do with an item whose process dies at every attempt.
        note: is told what each item took.

    Raises:
        QuernError: what the function raised, or StallError.
        RayError: when processes died and `instead` does not help.
    """
    import ray
    from ray.exceptions import NodeDiedError, OutOfMemoryError, WorkerCrashedError

    remote: Any = ray.remote(num_cpus=cpus, max_retries=RETRIES)(billed)
    first, last = ray.put(function), ray.put(instead)
    todo = list(reversed(items))
    out: dict[Any, tuple[Any, bool]] = {}
    try:
        while todo or out:
            while todo and len(out) < _room():
                item = todo.pop()
                out[remote.remote(first, item)] = item, instead is not None
            ready, _ = ray.wait(list(out), timeout=stall_minutes * 60)
            if not ready:
                raise stalled([item for item, _ in out.values()], stall_minutes)
            item, again = out.pop(ready[0])
            try:
                result, spent = ray.get(ready[0])
                if note is not None:
                    note(spent)
                yield checked(result)
            except (NodeDiedError, OutOfMemoryError, WorkerCrashedError):
                if not again:
                    raise
                out[remote.remote(last, item)] = item, False
    finally:
        for task in out:
            ray.cancel(task, force=True)


def beside(here: Function, there: Function, item: Any) -> tuple[Any, Any]:
    """Return what two functions make of an item, one in this process and one in another."""
    import ray

    remote: Any = ray.remote(num_cpus=0, max_retries=RETRIES)(told)
    task = remote.remote(there, item)
    mine = here(item)
    return mine, checked(ray.get(task))


def _room() -> int:
    """Return how many tasks may be out; a cluster grows and shrinks meanwhile."""
    import ray

    there: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    return max(AT_LEAST, AHEAD * int(there.get("CPU", 0)))


def billed(function: Function, item: Any) -> tuple[Any, Spent]:
    """Return what `told` returns, and what it took."""
    with bill() as spent:
        result = told(function, item)
    return result, spent


def told(function: Function, item: Any) -> Any:
    """Return the function's result, or its error, short: Ray would add a hundred lines."""
    try:
        return item if isinstance(item, QuernError) else function(item)
    except QuernError as error:
        return error
    except Exception:  # a fault of the product's own
        return QuernError(f"unexpected: {traceback.format_exc(limit=-3)}")


def checked(result: Any) -> Any:
    """Return the result, or raise it when it is an error.

    Raises:
        QuernError: the result.
    """
    if isinstance(result, QuernError):
        raise result
    return result


def stalled(items: Sequence[Any], stall_minutes: float, said: str = "") -> StallError:
    """Return the error of a run that does not get on with these items."""
    names = ", ".join(map(_name, items[:5])) + (", ..." if len(items) > 5 else "")
    return StallError(
        f"nothing was finished for {stall_minutes:g} minutes while doing {names}; raise "
        f"stall_minutes if one may take that long, or look whether the cluster has nodes with "
        f"free CPUs{said}"
    )


def _name(item: Any) -> str:
    if isinstance(item, Task):
        return f"unit {item.unit.index} of {PurePath(item.unit.path).name}"
    if isinstance(item, Decision):
        return f"bucket {item.name}"
    return f"shard {item.job.file}" if isinstance(item, ShardTask) else str(item)
