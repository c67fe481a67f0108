"""The exception tree: what a user can do something about.

QuernError
├── RecipeError        a recipe cannot run as written; lists every fault at once
├── RecordError        a table does not follow the record schema
├── SourceError        an input path cannot be read at all
├── NotReadyError      an operator lacks what it loads, or what it loads is not right
│   └── MissingWeightsError  a model's files are not on this machine
├── StorageError       the run folder or a shard cannot be written, or is damaged
├── QuarantineError    more rows failed than the recipe allows
├── ConservationError  rows in and rows out of a step do not add up
└── StallError         a run made no progress for too long

A run is guarded with one clause::

    try:
        run(recipe, out)
    except QuernError as error:
        print(error)  # names the offender and the remedy
"""

from __future__ import annotations

from collections.abc import Sequence


class QuernError(Exception):
    """Base of everything that Quern raises on purpose."""


class RecipeError(QuernError):
    """A recipe cannot run as written.

    Attributes:
        name: the recipe, or the command that was to make one.
        faults: every fault found, each naming the place, the offender and the remedy.
    """

    def __init__(self, name: str, faults: Sequence[str]) -> None:
        self.name, self.faults = name, tuple(faults)
        noun = "fault" if len(faults) == 1 else "faults"
        lines = "".join(f"\n  - {fault}" for fault in faults)
        super().__init__(f"{name}: {len(faults)} {noun}{lines}")

    def __reduce__(self) -> tuple[type[RecipeError], tuple[str, tuple[str, ...]]]:
        return type(self), (self.name, self.faults)  # it may come from a machine far away


class RecordError(QuernError):
    """A table does not follow the record schema."""


class SourceError(QuernError):
    """An input path cannot be read at all."""


class NotReadyError(QuernError):
    """An operator lacks what it loads, such as a list of words, or what it loads is not right."""


class MissingWeightsError(NotReadyError):
    """A model's files are not on this machine; the message names the file and the command."""


class StorageError(QuernError):
    """The run folder or a shard cannot be written, or is damaged."""


class QuarantineError(QuernError):
    """More rows failed than the recipe allows."""


class ConservationError(QuernError):
    """Rows in and rows out of a step do not add up."""


class StallError(QuernError):
    """A run made no progress for longer than `stall_minutes`."""
