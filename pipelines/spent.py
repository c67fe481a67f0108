"""What work costs: wall and CPU seconds, those inside operators told apart from the runner's.

Every moment of a worker's task is on one account: that of the innermost `spending` block, or
RUNNER. CPU seconds are those of the process with all its threads, and of its child processes.
"""

from __future__ import annotations

import resource
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from stages.sandbox import children_cpu_s

OPERATORS: Final = "operators"
"""Reading of sources, steps, projections and decisions of Regroups, writing of shards."""
VERDICTS: Final = "verdicts"
"""Limits compared, rows and elements dropped, ledger."""
FILES: Final = "files"
"""The runner's own files between operators, read, written and hashed."""
RUNNER: Final = "runner"
"""All else that a task does."""


@dataclass(frozen=True, kw_only=True)
class Seconds:
    """Time on one account.

    Attributes:
        cpu: seconds of all threads and child processes.
        wall: seconds that passed.
    """

    cpu: float = 0.0
    wall: float = 0.0

    def __add__(self, other: Seconds) -> Seconds:
        return Seconds(cpu=self.cpu + other.cpu, wall=self.wall + other.wall)

    def __sub__(self, other: Seconds) -> Seconds:
        return Seconds(cpu=self.cpu - other.cpu, wall=self.wall - other.wall)


Spent = Mapping[str, Seconds]
"""By account."""


def now() -> Seconds:
    """Return CPU seconds that this process and its children took so far, and a wall clock."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    children = ended.ru_utime + ended.ru_stime + children_cpu_s()
    return Seconds(cpu=time.process_time() + children, wall=time.perf_counter())


@dataclass(kw_only=True)
class _Books:
    """The accounts of this process since `bill` opened them, and the one that is running."""

    account: str = RUNNER
    since: Seconds = field(default_factory=Seconds)
    spent: dict[str, Seconds] = field(default_factory=lambda: defaultdict(Seconds))

    def turn(self, account: str) -> str:
        """Go over to another account; return the one before."""
        moment, before = now(), self.account
        self.spent[before] += moment - self.since
        self.account, self.since = account, moment
        return before


_books = _Books()


@contextmanager
def spending(account: str) -> Iterator[None]:
    """Put what the block takes on an account, but for what blocks inside it put on theirs."""
    before = _books.turn(account)
    try:
        yield
    finally:
        _books.turn(before)


@contextmanager
def bill() -> Iterator[dict[str, Seconds]]:
    """Give what the block takes, by account, once it has ended."""
    _books.account, _books.since, _books.spent = RUNNER, now(), defaultdict(Seconds)
    found: dict[str, Seconds] = {}
    try:
        yield found
    finally:
        _books.turn(RUNNER)
        found.update(_books.spent)


@dataclass(kw_only=True)
class Phase:
    """A stretch of a run in which workers do pieces of one kind.

    Attributes:
        name: of the stretch.
        wall_s: from its start to its end.
        pieces: that were done.
        spent: what they took, by account, summed over workers.
    """

    name: str
    wall_s: float = 0.0
    pieces: int = 0
    spent: dict[str, Seconds] = field(default_factory=dict)

    def add(self, bill: Spent) -> None:
        """Note what a piece took."""
        self.pieces += 1
        for account, seconds in bill.items():
            self.spent[account] = self.spent.get(account, Seconds()) + seconds
