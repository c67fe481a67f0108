"""What a run folder tells of its run: steps and counts, committed units, faults, what was kept.

Everything comes from `run.json`, the units' `.done` files and single columns of the kept tables,
a unit at a time; no table is held beyond its unit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any, Final, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines.folder import RunFolder, read_json
from pipelines.ledger import StepCount, add_counts
from stages.errors import StorageError
from stages.shards import Manifest, open_parquet, read_manifest

T = TypeVar("T")
LANGUAGE_TAG: Final = "lang:"
TOKEN_COUNTS: Final = ("n_tokens", "n_label_tokens", "n_patches")
MAX_FAULTS: Final = 200


@dataclass(frozen=True, kw_only=True)
class RunInfo:
    """What `run.json` says of the run as a whole; its keys are these names.

    Attributes:
        name: of the data set.
        description: of the data set, a sentence.
        source: use, options, code and paths of the source.
        write: use, options and code of the writer, or None.
        seed: of every random draw.
        versions: package to version.
        machine: platform, cpus, memory_bytes, python.
        command: what was typed.
        sessions: how often the run was started until it ended.
        started: ISO time, UTC.
        ended: ISO time, UTC.
        seconds: wall time of the last session.
        state: `done` or `stopped`.
        error: what stopped it, or None.
    """

    name: str
    description: str
    source: Mapping[str, Any]
    write: Mapping[str, Any] | None
    seed: int
    versions: Mapping[str, str]
    machine: Mapping[str, Any]
    command: Sequence[str]
    sessions: int
    started: str
    ended: str
    seconds: float
    state: str
    error: str | None = None


@dataclass(frozen=True, kw_only=True)
class Bound:
    """The range of a score that a filter keeps; None leaves a side open."""

    score: str
    min: float | None = None
    max: float | None = None


@dataclass(frozen=True, kw_only=True)
class StepInfo:
    """What `run.json` says of one step; its keys are these names.

    Attributes:
        name: the step's name in ledger and scores.
        use: import path of the operator.
        options: of the operator.
        code: hash of the operator's code.
        kind: Stage, Filter, Regroup or Generator.
        over: what it judges: sample, text or media.
        reads: columns.
        writes: columns.
        cites: the paper that the operator follows.
        limits: what a filter keeps; where they are not told, the ledger shows those that dropped.
    """

    name: str
    use: str
    options: Mapping[str, Any]
    code: str
    kind: str
    over: str | None
    reads: Sequence[str]
    writes: Sequence[str]
    cites: str
    limits: Sequence[Mapping[str, Any]] = ()

    @property
    def bounds(self) -> dict[str, Bound]:
        """The limits by score."""
        return {limit["score"]: Bound(**limit) for limit in self.limits}


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

    def path(self, what: str) -> Path:
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
        seconds: wall time of the last session; None when the run stopped in it.
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


@dataclass(frozen=True, kw_only=True)
class Profile:
    """What the rows that the last segment kept are made of.

    Attributes:
        rows: number of rows.
        kinds: kind of sample to rows.
        licences: licence to rows; "" for rows that name none.
        languages: code of the `lang:` tag to rows; "" for rows without one.
        media: type to number of media.
        totals: n_tokens, n_label_tokens, n_patches; empty when nothing was tokenized.
    """

    rows: int = 0
    kinds: Mapping[str, int] = field(default_factory=dict)
    licences: Mapping[str, int] = field(default_factory=dict)
    languages: Mapping[str, int] = field(default_factory=dict)
    media: Mapping[str, int] = field(default_factory=dict)
    totals: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Summary:
    """A run, as its folder tells.

    Attributes:
        folder: the run folder.
        run: the run as a whole.
        steps: in order, those too that a stopped run did not reach.
        segments: those that have committed units, in order.
        manifest: of the shards, None without any.
        profile: of the rows kept by the last segment.
    """

    folder: RunFolder
    run: RunInfo
    steps: tuple[StepInfo, ...]
    segments: tuple[SegmentSummary, ...]
    manifest: Manifest | None
    profile: Profile

    @cached_property
    def counts(self) -> dict[str, StepCount]:
        """What each step did, by name, in order; the source's is named `read`."""
        return {count.name: count for segment in self.segments for count in segment.counts}

    @cached_property
    def segment_of(self) -> dict[str, SegmentSummary]:
        """The segment in which each step ran."""
        return {count.name: each for each in self.segments for count in each.counts}

    @property
    def rows_read(self) -> int:
        """Rows that the source gave."""
        return next(iter(self.counts.values())).rows_in if self.counts else 0

    @property
    def quarantined(self) -> int:
        """Rows on which an operator failed."""
        return sum(count.quarantined for count in self.counts.values())

    @property
    def faults(self) -> list[Mapping[str, Any]]:
        """The first pieces of input that could not be read."""
        return [fault for segment in self.segments for fault in segment.faults]

    @property
    def n_faults(self) -> int:
        """How many pieces of input could not be read."""
        return sum(segment.n_faults for segment in self.segments)

    @property
    def last_units(self) -> tuple[UnitFiles, ...]:
        """The units of the last segment: they hold what the run kept."""
        return self.segments[-1].units if self.segments else ()


def read_summary(folder: RunFolder) -> Summary:
    """Read what a run folder tells.

    Raises:
        StorageError: when the folder holds no run that ended or stopped, or is damaged.
    """
    content = _run_json(folder)
    try:
        run = _of(RunInfo, content)
        steps = tuple(_of(StepInfo, step) for step in content["steps"])
        seconds = {int(each["index"]): float(each["seconds"]) for each in content["segments"]}
    except (KeyError, TypeError, ValueError) as error:
        raise StorageError(
            f"{folder.root}/run.json lacks {error}; it was written by another version of Quern, "
            f"run the same command again"
        ) from error
    segments = _segments(folder, seconds, stopped=run.state != "done")
    return Summary(
        folder=folder,
        run=run,
        steps=steps,
        segments=segments,
        manifest=read_manifest(folder.shards) if content.get("shards") else None,
        profile=_profile(segments[-1].units) if segments else Profile(),
    )


def _run_json(folder: RunFolder) -> dict[str, Any]:
    path = folder.root / "run.json"
    content = read_json(path)
    if content is None:
        trouble = "is not a JSON object" if path.exists() else "is missing"
        raise StorageError(f"{folder.root} is not a finished run: run.json {trouble}")
    return content


def _of(cls: type[T], content: Mapping[str, Any]) -> T:
    """Return the dataclass made from the keys that are its fields.

    Raises:
        KeyError: naming a key that is missing.
    """
    wanted = fields(cls)  # type: ignore[arg-type]
    optional = {f.name for f in wanted if f.default is not MISSING}
    given = [f.name for f in wanted if f.name in content or f.name not in optional]
    return cls(**{name: content[name] for name in given})


def _segments(
    folder: RunFolder, seconds: Mapping[int, float], *, stopped: bool
) -> tuple[SegmentSummary, ...]:
    """Return the finished segments and, of a stopped run, the one that it stopped in."""
    indexes = sorted(seconds)
    if stopped:
        indexes.append(max(indexes, default=0) + 1)
    found = [_segment(folder, index, seconds.get(index)) for index in indexes]
    return tuple(segment for segment in found if segment.units)


def _segment(folder: RunFolder, index: int, seconds: float | None) -> SegmentSummary:
    units: list[UnitFiles] = []
    counts: list[StepCount] = []
    faults: list[Mapping[str, Any]] = []
    n_faults = 0
    for path in sorted(folder.segment(index).glob("*.done")):
        report = read_json(path)
        if report is None:
            continue
        counts = add_counts([counts, [StepCount(**count) for count in report["counts"]]])
        faults = [*faults, *report["faults"]][:MAX_FAULTS]
        n_faults += len(report["faults"])
        units.append(
            UnitFiles(
                folder=folder,
                segment=index,
                unit=int(path.stem),
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


def _profile(units: Sequence[UnitFiles]) -> Profile:
    """Count over the kept rows of all units, reading a few narrow columns of each."""
    columns = ["kind", "source.licence", "tags", "media.list.element.type", *TOKEN_COUNTS]
    kinds: Counter[str] = Counter()
    licences: Counter[str] = Counter()
    languages: Counter[str] = Counter()
    media: Counter[str] = Counter()
    totals: Counter[str] = Counter()
    for unit in units:
        if unit.rows == 0:
            continue
        table = unit.read("kept", columns)
        kinds += _tally(table.column("kind"))
        licences += _tally(pc.struct_field(table.column("source"), "licence"))
        languages += _languages(table.column("tags"))
        media += _tally(pc.struct_field(pc.list_flatten(table.column("media")), "type"))
        for name in TOKEN_COUNTS:
            if name in table.column_names:
                totals[name] += pc.sum(table.column(name)).as_py() or 0
    return Profile(
        rows=sum(unit.rows for unit in units),
        kinds=dict(kinds.most_common()),
        licences=dict(licences.most_common()),
        languages=dict(languages.most_common()),
        media=dict(media.most_common()),
        totals=dict(totals),
    )


def _tally(column: pa.ChunkedArray) -> Counter[str]:
    """Count the strings of a column, null as ""."""
    counts = pc.value_counts(column).to_pylist()
    tally: Counter[str] = Counter()
    for entry in counts:
        tally[entry["values"] or ""] += entry["counts"]
    return tally


def _languages(tags: pa.ChunkedArray) -> Counter[str]:
    """Count the rows per language tag, those without one as ""."""
    flat = pc.list_flatten(tags)
    chosen = flat.filter(pc.starts_with(flat, LANGUAGE_TAG))
    tally = _tally(pc.utf8_slice_codeunits(chosen, len(LANGUAGE_TAG)))
    tally[""] += max(len(tags) - tally.total(), 0)
    return +tally
