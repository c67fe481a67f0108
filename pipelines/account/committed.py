"""What a run committed: the units of each segment with their files, counts and faults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

from pipelines.folder import RunFolder
from pipelines.ledger import StepCount, add_counts
from stages.files import open_parquet
from stages.places import AnyPath, names_in

MAX_FAULTS: Final = 200
MAX_ROWS: Final = 100_000
"""Rows that one look at a segment reads; of a bigger one, a sample of its units."""


@dataclass(frozen=True, kw_only=True)
class UnitFiles:
    """A committed unit of a segment.

    Attributes:
        folder: the run folder.
        segment: index of the segment.
        unit: index of the unit.
        rows: rows kept.
        rejected: entries of the ledger.
        quarantined: rows on which an operator failed.
    """

    folder: RunFolder
    segment: int
    unit: int
    rows: int
    rejected: int
    quarantined: int

    def path(self, what: str) -> AnyPath:
        """Return the path of `kept`, `rejected` or `quarantine`."""
        return self.folder.unit_file(self.segment, self.unit, f"{what}.parquet")

    def read(self, what: str, columns: Sequence[str] | None = None) -> pa.Table:
        """Return those of the columns, nested ones by their Parquet path, that are there.

        Raises:
            StorageError: when the file is missing or damaged.
        """
        with open_parquet(self.path(what)) as file:
            return file.read(columns=None if columns is None else _present(file, columns))

    def column_names(self) -> list[str]:
        """Return the names of the columns of the kept rows."""
        with open_parquet(self.path("kept")) as file:
            return list(file.schema_arrow.names)


def _present(file: pq.ParquetFile, columns: Sequence[str]) -> list[str]:
    leaves = [file.schema.column(i).path for i in range(len(file.schema))]
    return [
        name
        for name in columns
        if any(leaf == name or leaf.startswith(f"{name}.") for leaf in leaves)
    ]


@dataclass(frozen=True, kw_only=True)
class SegmentSummary:
    """What a segment did.

    Attributes:
        index: from 1.
        seconds: wall time of the last session; None when the run stopped.
        units: the committed ones.
        counts: per step, over the committed units.
        faults: the first MAX_FAULTS pieces of input that could not be read.
        n_faults: how many there are.
    """

    index: int
    seconds: float | None
    units: tuple[UnitFiles, ...]
    counts: tuple[StepCount, ...]
    faults: tuple[Mapping[str, Any], ...] = ()
    n_faults: int = 0


def reached(folder: RunFolder) -> list[int]:
    """Return the indexes of the segments that a stopped run began."""
    names = names_in(folder.segment(0).parent)
    return sorted(int(name) for name in names if name.isdecimal())


def committed_segments(
    folder: RunFolder, indexes: Sequence[int], seconds: Mapping[int, float], steps: Sequence[str]
) -> tuple[SegmentSummary, ...]:
    """Return the segments with committed units, as far as they go on with the run's steps.

    A folder in which another recipe ran before may hold more segments than this run reached.
    """
    found: list[SegmentSummary] = []
    for index in indexes:
        segment = _segment(folder, index, seconds.get(index))
        names = [count.name for count in segment.counts]
        if not segment.units or names != list(steps[: len(names)]):
            break
        steps = steps[len(names) :]
        found.append(segment)
    return tuple(found)


def _segment(folder: RunFolder, index: int, seconds: float | None) -> SegmentSummary:
    units: list[UnitFiles] = []
    counts: list[StepCount] = []
    faults: list[Mapping[str, Any]] = []
    n_faults = 0
    names = (name.partition(".") for name in names_in(folder.segment(index)))
    there = [int(unit) for unit, _, what in names if what == "done"]
    for unit, report in enumerate(folder.reports(index, max(there, default=-1) + 1)):
        if report is None:
            continue
        counts = add_counts([counts, [StepCount(**count) for count in report["counts"]]])
        faults = [*faults, *report["faults"]][:MAX_FAULTS]
        n_faults += len(report["faults"])
        units.append(
            UnitFiles(
                folder=folder,
                segment=index,
                unit=unit,
                rows=report["rows"],
                rejected=report["rejected"],
                quarantined=report["quarantined"],
            )
        )
    return SegmentSummary(
        index=index,
        seconds=seconds,
        units=tuple(units),
        counts=tuple(counts),
        faults=tuple(faults),
        n_faults=n_faults,
    )


def sampled_units(segment: SegmentSummary, max_rows: int = MAX_ROWS) -> list[UnitFiles]:
    """Return a random sample of units, always the same, of up to `max_rows` entries or one unit."""
    chosen: list[UnitFiles] = []
    rows = 0
    for unit in sorted(segment.units, key=lambda unit: xxhash.xxh3_64_intdigest(b"%d" % unit.unit)):
        if chosen and rows + unit.rows + unit.rejected > max_rows:
            break
        chosen.append(unit)
        rows += unit.rows + unit.rejected
    return chosen
