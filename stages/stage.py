"""What an operator is: a frozen description whose `build()` gives a function on a `Batch`.

Source     files to rows, in units that commit and resume
Stage      rows to the same rows, changed
Filter     scores samples, text parts or media; limits on the scores keep or drop
Regroup    sees a projection of every row of the run, decides per row (deduplication)
Generator  rows to more rows, the new ones naming their parents

A new filter is one file: `filters/word_count.py` is one, CONTRIBUTING.md takes one apart.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import ClassVar, Literal

import numpy as np
import pyarrow as pa

from stages.batch import Batch as Batch  # operators find all they need in this module
from stages.elements import Floats, Ints, Mask
from stages.memory import Memory
from stages.places import AnyPath

Level = Literal["sample", "text", "media"]
Scores = Mapping[str, Floats]


@dataclass(frozen=True, kw_only=True)
class Resources:
    """What one worker of an operator takes.

    Attributes:
        cpus: CPU cores.
        gpus: GPUs, may be a fraction.
        workers: size of the operator's own pool of processes that load it once; 0 runs it in
            the same task as its neighbours.
    """

    cpus: float = 1.0
    gpus: float = 0.0
    workers: int = 0


StageFn = Callable[[Batch], Batch]
ScoreFn = Callable[[Batch], Scores]


@dataclass(frozen=True, kw_only=True)
class Operator(ABC):
    """A description of work on rows: its fields are its options.

    Attributes:
        reads: columns that must be there.
        writes: columns that are there afterwards.
        source: the paper and section that it follows, or "Quern" for our own.
        resources: what one worker takes.
    """

    reads: ClassVar[tuple[str, ...]] = ()
    writes: ClassVar[tuple[str, ...]] = ()
    source: ClassVar[str]
    resources: ClassVar[Resources] = Resources()

    def check(self) -> None:  # noqa: B027  most operators load nothing
        """Look, in seconds, whether what the operator loads is on this machine.

        Raises:
            NotReadyError: when it is not; the message says how to get it.
        """


@dataclass(frozen=True, kw_only=True)
class Unit:
    """What is read, committed and resumed as one: a file or a byte range of one.

    Attributes:
        index: place among the units of the source.
        path: the file or folder entry that it reads.
        start: first byte or record, inclusive; what it counts is the source's affair.
        stop: last byte or record, exclusive.
    """

    index: int
    path: str
    start: int = 0
    stop: int = 0


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A piece of input that could not be read, and why."""

    path: str
    offset: int
    message: str


ASSETS = pa.schema(
    {
        "uri": pa.string(),
        "path": pa.string(),
        "offset": pa.int64(),
        "mime": pa.string(),
        "status": pa.string(),  # ok, or the HTTP status line that the crawler got
    }
)
"""Media that lie in the crawl itself: where to find the bytes of a URL."""


@dataclass(frozen=True, kw_only=True)
class Chunk:
    """A run of rows from a source.

    Attributes:
        rows: record table.
        assets: table of schema ASSETS, or None.
        faults: what could not be read on the way.
    """

    rows: pa.Table
    assets: pa.Table | None = None
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Source(Operator):
    """Makes rows from files.

    Attributes:
        paths: files, folders or glob patterns.
    """

    paths: tuple[str, ...] = ()

    @abstractmethod
    def units(self) -> list[Unit]:
        """Return the units, the same for the same files, cheaply and without reading them.

        Raises:
            SourceError: when a path names nothing; the message says which.
        """

    def columns(self) -> Collection[str]:
        """Return the columns of the rows; a source of other files' columns adds them."""
        return self.writes

    @abstractmethod
    def read(self, unit: Unit) -> Iterator[Chunk]:
        """Yield the rows of a unit in order, a few hundred at a time."""


@dataclass(frozen=True, kw_only=True)
class Stage(Operator):
    """Changes rows: as many come out as went in, in the same order."""

    @abstractmethod
    def build(self) -> StageFn:
        """Load what is needed, once per worker, and return the function on a batch."""


@dataclass(frozen=True, kw_only=True)
class Generator(Operator):
    """Makes new rows beside the old ones; each new row names its parents in `source`."""

    @abstractmethod
    def build(self) -> StageFn:
        """Return the function that gives the old rows and the new ones."""


@dataclass(frozen=True, kw_only=True)
class Limit:
    """The range of a score that keeps an element; NaN, "not judged", always keeps it.

    Attributes:
        score: name of the score.
        min: smallest value kept, or None.
        max: largest value kept, or None.

    Raises:
        ValueError: when a bound is NaN, or when no value lies within both.
    """

    score: str
    min: float | None = None
    max: float | None = None

    def __post_init__(self) -> None:
        low = -np.inf if self.min is None else self.min
        high = np.inf if self.max is None else self.max
        if np.isnan(low) or np.isnan(high):
            raise ValueError(f"a bound of {self.score} is NaN, it must be a number")
        if low > high:
            raise ValueError(f"the lower bound of {self.score}, {low}, exceeds the upper, {high}")

    def keeps(self, values: Floats) -> Mask:
        """Return bool[N], true where the score lies within the limit or is NaN."""
        keep = np.ones(len(values), dtype=np.bool_)
        if self.min is not None:
            keep &= ~(values < np.float32(self.min))
        if self.max is not None:
            keep &= ~(values > np.float32(self.max))
        return keep

    def broken_by(self, value: float) -> float:
        """Return the threshold that the value lies outside of."""
        below = self.min is not None and value < np.float32(self.min)
        threshold = self.min if below else self.max
        assert threshold is not None
        return threshold


@dataclass(frozen=True, kw_only=True)
class Filter(Operator):
    """Scores elements; limits on the scores, and nothing else, keep or drop them.

    The score is stored and the threshold only reads it, so another threshold needs no model.
    A dropped text part or medium edits its sample; a sample that this leaves with no parts is
    dropped by the same filter.

    Attributes:
        over: what is judged: samples, their text parts or their media.

    Raises:
        ValueError: when `over` is no level of this filter, when an option named min_* or max_*
            is negative or NaN, or when nothing lies within the limits.
    """

    levels: ClassVar[tuple[Level, ...]] = ("sample",)
    over: Level = "sample"

    def __post_init__(self) -> None:
        if self.over not in self.levels:
            raise ValueError(f"over is {self.over!r}, it must be one of {list(self.levels)}")
        for field in fields(self):
            if field.name.startswith(("min_", "max_")):
                _check_bound(field.name, getattr(self, field.name))
        self.limits()

    @abstractmethod
    def limits(self) -> tuple[Limit, ...]:
        """Return the limits, one per score, made from the filter's options."""

    @abstractmethod
    def build(self) -> ScoreFn:
        """Return the function that gives each score as float32[N] over the elements."""

    def reasons(self, batch: Batch) -> list[str] | None:
        """Return why each of N elements would be dropped, where the score does not say it."""
        return None


def _check_bound(name: str, value: float | tuple[float, ...]) -> None:
    for bound in value if isinstance(value, tuple) else (value,):
        if not bound >= 0:  # nor is NaN
            raise ValueError(f"{name} is {value}, bounds must be numbers of at least 0")


@dataclass(frozen=True, kw_only=True)
class Projection:
    """What a Regroup takes from one unit.

    Attributes:
        rows: table with `row` (int64, row of the unit) and what the decision needs; for media
            and texts also `element` (int64, index into the row's media, or place of the part).
        beside: table of the unit that `decide` can look into, mostly an entry per row, or None.
        sample: what `fit` may look at of the unit; its size is bounded, whatever the unit's.
    """

    rows: pa.Table
    beside: pa.Table | None = None
    sample: pa.Table | None = None


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """Where a bucket is decided.

    Attributes:
        index: number of the bucket.
        media: folder of the run's media packs.
        beside: gives the `Projection.beside` of a unit.
        units: number of units of the run.
        seen: generations of the Regroup's memory that the decisions look at.
        of: number of buckets.
        step: name of the step that decides.
        seed: the run's seed.
    """

    index: int
    media: AnyPath
    beside: Callable[[int], pa.Table]
    units: int = 0
    seen: tuple[str, ...] = ()
    of: int = 1
    step: str = "step"
    seed: int = 0


DECISIONS = pa.schema(
    {
        "unit": pa.int32(),
        "row": pa.int64(),
        "element": pa.int64(),  # the ledger's: media index or place of the part; -1: the row
        "keep": pa.bool_(),
        "score": pa.float32(),
        "threshold": pa.float32(),
        "reason": pa.string(),
    }
)
"""What every decision says; a Regroup may add columns. Rows without a decision stay.

Over "text", a Regroup that adds `start` and `stop` (int64, bytes into the text part) drops that
stretch of the part: a line, a paragraph, a repeated passage. Stretches do not overlap.
"""

EDGES = pa.schema({"a": pa.int64(), "b": pa.int64(), "score": pa.float32()})
"""Pairs that belong together, as nodes (`stages/dedup/nodes.py`), and how similar they are."""


@dataclass(frozen=True, kw_only=True)
class Regroup(Operator):
    """Decides about rows by looking at those of the whole run that share a bucket.

    The result depends on the rows alone: not on the number of buckets, units or workers.
    One that combines gives edges; the runner finds the clusters that they form over all
    buckets and asks it to judge them. One that fits learns something of the whole run, such as
    centroids, before its rows are dealt out to buckets.
    """

    over: ClassVar[Level] = "sample"
    combines: ClassVar[bool] = False  # decide() gives edges, judge() the decisions
    fits: ClassVar[bool] = False  # fit() learns from samples what place() writes into the rows

    @abstractmethod
    def project(self, batch: Batch) -> Projection:
        """Return what the decision needs of the rows of a whole unit."""

    def project_assets(self, assets: pa.Table) -> pa.Table | None:
        """Return what the decision needs of the crawl's own media, in the columns of rows."""
        return None

    def fit(self, sample: pa.Table) -> pa.Table:
        """Return what is learned from the samples of all units, given in their order."""
        raise TypeError(f"{type(self).__name__} sets fits but has no fit()")

    def place(self, rows: pa.Table, fitted: pa.Table) -> pa.Table:
        """Return projected rows with what the fitted table tells of each, for `partition`."""
        raise TypeError(f"{type(self).__name__} sets fits but has no place()")

    @abstractmethod
    def partition(self, rows: pa.Table, buckets: int) -> Ints:
        """Return int64[N], the bucket of each projected row; equal keys share a bucket."""

    @abstractmethod
    def decide(self, rows: pa.Table, bucket: Bucket) -> pa.Table:
        """Return DECISIONS, or EDGES if `combines`; `rows` is in order of (unit, row)."""

    def members(self, beside: pa.Table, row: Ints, element: Ints) -> pa.Table:
        """Return what `judge` needs to know of N elements of a unit, from what lies beside it."""
        raise TypeError(f"{type(self).__name__} sets combines but has no members()")

    def judge(self, members: pa.Table, bucket: Bucket) -> pa.Table:
        """Return decisions about whole clusters.

        Args:
            members: what `members` gave, with `unit` (int32), `row`, `element`, `cluster` (int64,
                the smallest node of the cluster) and `score` (float32, the highest of the
                member's edges); in order of unit, row and element.
            bucket: where.
        """
        raise TypeError(f"{type(self).__name__} sets combines but has no judge()")

    def memory(self) -> Memory | None:
        """Return what is known of earlier runs, None where nothing is."""
        return None

    def settle(self, batch: Batch, decisions: pa.Table) -> pa.Table:
        """Return a unit's decisions, sorted by row and element, as they are to be applied."""
        return decisions

    def may_improve(self, bucket: Bucket) -> bool:
        """Tell whether a bucket that is decided might be decided better now."""
        return False

    def update(self, batch: Batch, decisions: pa.Table) -> Batch:
        """Return the unit's rows with what the decisions tell written down."""
        return batch
