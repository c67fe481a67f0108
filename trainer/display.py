"""A training on the console: a moving bar on a terminal, lines elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from trainer.metrics import as_text
from trainer.optim import Trained


class Display:
    """Shows what a training says, on standard error; nothing on any rank but the first."""

    def __init__(self, *, steps: int, shown: bool) -> None:
        self._console = Console(stderr=True, quiet=not shown)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        live = shown and self._console.is_terminal
        self._progress = Progress(
            *columns, TimeRemainingColumn(), console=self._console, disable=not live
        )
        self._task = self._progress.add_task("training", total=steps)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def say(self, text: str) -> None:
        """Print a line."""
        self._console.print(text, highlight=False, markup=False)

    def trained(self, table: Sequence[Trained]) -> None:
        """Print what is trained."""
        for row in table:
            share = f"{row.trained_values:,} of {row.values:,} values"
            rate = f"rate {row.rate:g}" if row.trained_values else "frozen"
            self.say(f"  {row.part:<10}{share:>40}  {rate}")

    def step(self, done: int) -> None:
        """Move the bar."""
        self._progress.update(self._task, completed=done)

    def line(self, step: int, line: dict[str, Any]) -> None:
        """Print a line of the log."""
        self.say(as_text({"step": step, **line}))
