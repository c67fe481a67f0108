"""What a Regroup knows of earlier runs: one immutable generation for each of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import pyarrow as pa

from stages.elements import Ints


class Memory(ABC):
    """Generations, each with what one run kept; `stages/dedup/store.py` is one."""

    @abstractmethod
    def seen(self, run: str, inputs: Sequence[str]) -> tuple[str, ...]:
        """Return the names of the generations that the decisions of a run look at.

        A run that is remembered already sees what it saw then; no run sees a generation that
        was made from one of its own inputs.

        Args:
            run: hash of all that the run's decisions depend on, but the memory.
            inputs: hashes of the files and ranges that the run reads.
        """

    @abstractmethod
    def knows(self, name: str) -> bool:
        """Return whether a generation is whole."""

    @abstractmethod
    def has(self, name: str, unit: int) -> bool:
        """Return whether `add` was done for a unit."""

    @abstractmethod
    def add(self, name: str, unit: int, rows: pa.Table, beside: pa.Table, dropped: Ints) -> None:
        """Write what a unit adds to a generation.

        Args:
            name: the generation.
            unit: the unit.
            rows: what was projected from the unit.
            beside: what lies beside that.
            dropped: int64[D], the rows of the unit that do not stay.
        """

    @abstractmethod
    def close(self, name: str, run: str, inputs: Sequence[str], seen: Sequence[str]) -> None:
        """Make a generation count, once every unit is added; the rest is as for `seen`."""
