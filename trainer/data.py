"""The loader: packs in the order of the plan, made by workers ahead of the step that wants them.

One thread reads rows out of the shards (`trainer.rows`) and hands the rows of a pack, pictures
still as files, to one of the worker processes, which decodes them and makes the pack. The whole
state is (epoch, step): a loader begun at a cursor gives what one that came by there would have
given, with any number of ranks and workers.
"""

from __future__ import annotations

import logging
import multiprocessing
import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple, Self

import torch
from torch.utils.data import DataLoader, Dataset

from stages.errors import QuarantineError
from trainer.assemble import Assembly, Fault
from trainer.counts import Counts
from trainer.inputs import Pack
from trainer.plan import EpochPlan
from trainer.rows import Row, RowReader

_LOG: Final = logging.getLogger(__name__)


class Cursor(NamedTuple):
    """Where training is: the next step is step `step` of epoch `epoch`."""

    epoch: int = 0
    step: int = 0


START: Final = Cursor()


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """A pack, the step it is for, and the rows that had to be left out of it.

    Attributes:
        cursor: the step.
        turn: which of the rank's packs in the step it is, from 0.
        pack: inputs and labels.
        faults: rows left out.
    """

    cursor: Cursor
    turn: int
    pack: Pack
    faults: tuple[Fault, ...]

    def pin_memory(self) -> Self:
        """Return it in page-locked memory; a torch DataLoader calls this."""
        return replace(self, pack=self.pack.pin_memory())


@dataclass(kw_only=True)
class PackLoader:
    """Gives a rank its packs, epoch after epoch; iterate it once.

    Attributes:
        counts: of the shards.
        plan: gives the plan of an epoch; called in a thread, ahead of its first step.
        assembly: makes packs of rows.
        rank: whose packs.
        ranks: how many share a step.
        start: the first step.
        workers: processes that make packs; 0: the caller's does, while it waits.
        prefetch_packs: packs that each worker is ahead at most.
        max_bad_rows: rows that may be left out before this rank gives up.
        wait_s: seconds in which the caller has waited for packs so far.
        bad_rows: rows left out so far.
    """

    counts: Counts
    plan: Callable[[int], EpochPlan]
    assembly: Assembly
    rank: int = 0
    ranks: int = 1
    start: Cursor = START
    workers: int = 2
    prefetch_packs: int = 2
    max_bad_rows: int = 100
    wait_s: float = 0.0
    bad_rows: int = 0
    reader: RowReader = field(init=False)

    def __post_init__(self) -> None:
        if not 0 <= self.rank < self.ranks:
            raise ValueError(f"rank {self.rank} is not one of {self.ranks} ranks, from 0")
        self.reader = RowReader(counts=self.counts)

    def __iter__(self) -> Iterator[Loaded]:
        """Yield the packs of the rank, endlessly.

        Raises:
            QuarantineError: when more than `max_bad_rows` were left out.
            StorageError: when a shard is missing or damaged.
            NotReadyError: as `plan` does.
        """
        with _Ahead(tasks=self._tasks(), depth=max(self.workers, 1)) as tasks:
            loaded = iter(self._torch_loader(tasks))
            while True:
                began = time.perf_counter()
                each = next(loaded)
                self.wait_s += time.perf_counter() - began
                self._count(each)
                yield each

    def _torch_loader(self, tasks: _Ahead) -> DataLoader[Loaded]:
        # Workers are forked off a fresh process: this one has threads, and perhaps an accelerator.
        processes = multiprocessing.get_context("forkserver")
        processes.set_forkserver_preload([__name__])  # torch is imported once for all of them
        several: dict[str, Any] = {
            "prefetch_factor": self.prefetch_packs,
            "multiprocessing_context": processes,
        }
        return DataLoader(
            _Packs(self.assembly),
            sampler=tasks,  # its items are tasks, not numbers
            batch_size=None,
            num_workers=self.workers,
            pin_memory=torch.cuda.is_available(),
            **(several if self.workers else {}),
        )

    def _tasks(self) -> Iterator[_Task]:
        """Yield the rows of each pack."""
        cursor = self.start
        while True:
            plan = self.plan(cursor.epoch)
            packs = [
                pack
                for step in range(cursor.step, plan.steps)
                for pack in plan.packs_of(step, rank=self.rank, ranks=self.ranks)
            ]
            for number, rows in enumerate(self.reader.read(packs)):
                step, turn = divmod(number, plan.turns(self.ranks))
                yield _Task(Cursor(cursor.epoch, cursor.step + step), turn, rows)
            cursor = Cursor(cursor.epoch + 1, 0)

    def _count(self, loaded: Loaded) -> None:
        for fault in loaded.faults:
            self.bad_rows += 1
            _LOG.warning("row %s is left out: %s", fault.row, fault.reason)
        if self.bad_rows > self.max_bad_rows:
            last = loaded.faults[-1]
            raise QuarantineError(
                f"{self.bad_rows} rows could not be trained on, {self.max_bad_rows} may be; the "
                f"last is {last.row}: {last.reason}. Mill the shards again, or raise max_bad_rows"
            )


class _Task(NamedTuple):
    """What a worker is sent."""

    cursor: Cursor
    turn: int
    rows: tuple[Row, ...]


class _Packs(Dataset[Loaded]):
    """What torch's loader calls in the workers: its "index" is a task."""

    def __init__(self, assembly: Assembly) -> None:
        self._assembly = assembly

    def __getitem__(self, task: _Task) -> Loaded:
        pack, faults = self._assembly.pack(task.rows)
        return Loaded(cursor=task.cursor, turn=task.turn, pack=pack, faults=faults)


@dataclass(kw_only=True)
class _Ahead:
    """The tasks of an iterator, taken from it by a thread some ahead of who wants them."""

    tasks: Iterator[_Task]
    depth: int

    def __post_init__(self) -> None:
        self._ready: queue.Queue[_Task | BaseException] = queue.Queue(self.depth)
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._take, name="row reader", daemon=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._is_over.set()
        if self._thread.is_alive():
            self._thread.join()

    def __iter__(self) -> Iterator[_Task]:
        self._thread.start()
        while True:
            task = self._ready.get()
            if isinstance(task, BaseException):
                raise task
            yield task

    def _take(self) -> None:
        try:
            for task in self.tasks:
                if not self._put(task):
                    return
        except BaseException as error:  # raised where the task would have been wanted
            self._put(error)

    def _put(self, item: _Task | BaseException) -> bool:
        while not self._is_over.is_set():
            try:
                self._ready.put(item, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False
