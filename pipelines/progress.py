"""The live display of a run: a table on a terminal, plain lines in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table

from pipelines.ledger import StepCount, add_counts

LOG_EVERY_S = 10.0


@dataclass(kw_only=True)
class Display:
    """Shows how a segment gets on.

    Attributes:
        console: where to.
    """

    console: Console = field(default_factory=lambda: Console(file=sys.stderr))
    _live: Live | None = None
    _title: str = ""
    _total: int = 0
    _done: int = 0
    _start: float = 0.0
    _logged: float = 0.0
    _counts: list[StepCount] = field(default_factory=list)

    @contextmanager
    def work(self, title: str, total: int, done: int = 0) -> Iterator[None]:
        """Show a piece of work of `total` units, `done` of which were done before."""
        self._title, self._total, self._done = title, total, 0
        self._counts, self._start = [], time.monotonic()
        self._logged = self._start
        again = f", {done} done before" if done else ""
        self.say(f"{title}: {total} to do{again}")
        if not self.console.is_terminal or total == 0:
            yield
        else:
            with Live(console=self.console, transient=True, auto_refresh=False) as live:
                self._live = live
                yield
            self._live = None
        if total:
            self.say(self._line())

    def advance(self, counts: list[StepCount]) -> None:
        """Note that one unit is done."""
        self._done += 1
        self._counts = add_counts([self._counts, counts])
        if self._live is not None:
            self._live.update(self._table(), refresh=True)
        elif time.monotonic() - self._logged > LOG_EVERY_S:
            self._logged = time.monotonic()
            self.say(self._line())

    def say(self, text: str) -> None:
        """Print a line."""
        self.console.print(text, highlight=False, soft_wrap=True, markup=False)

    def _line(self) -> str:
        seconds = time.monotonic() - self._start
        rows = self._counts[0].rows_in if self._counts else 0
        kept = self._counts[-1].rows_out if self._counts else 0
        left = f", {_eta(seconds, self._done, self._total)} left" if self._left() else ""
        flow = f": {rows:,} rows in, {kept:,} kept" if self._counts else ""
        return f"  {self._title} {self._done}/{self._total} in {seconds:.1f} s{flow}{left}"

    def _left(self) -> int:
        return self._total - self._done

    def _table(self) -> Table:
        seconds = time.monotonic() - self._start
        eta = _eta(seconds, self._done, self._total)
        table = Table(
            title=f"{self._title}  {self._done}/{self._total} units, {eta} left",
            title_justify="left",
        )
        table.add_column("step")
        for name in ("rows in", "kept", "dropped", "failed", "rows/s", "MB/s"):
            table.add_column(name, justify="right")
        for count in self._counts:
            table.add_row(*_cells(count))
        return table


def _cells(count: StepCount) -> tuple[Any, ...]:
    """Return a step's line; rates are per second of one worker."""
    rate = count.rows_in / count.seconds if count.seconds else 0.0
    megabytes = count.bytes_in / 1e6 / count.seconds if count.seconds else 0.0
    dropped = f"{count.dropped:,}"
    if count.elements_dropped:
        dropped += f" (+{count.elements_dropped:,} parts)"
    return (
        count.name,
        f"{count.rows_in:,}",
        f"{count.rows_out:,}",
        dropped,
        f"{count.quarantined:,}",
        f"{rate:,.0f}",
        f"{megabytes:,.1f}",
    )


def _eta(seconds: float, done: int, total: int) -> str:
    if done == 0:
        return "?"
    left = seconds / done * (total - done)
    return f"{left:.0f} s" if left < 120 else f"{left / 60:.0f} min"
