"""A sample of the input: rows spread over whole units, and a source that reads them again.

Whole units are read, as many as a few seconds allow, since reading is cheap and tells how many
rows there are and where the crawl's own media lie.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np
import pyarrow as pa

from stages.errors import SourceError
from stages.files import read_table, write_table
from stages.input_paths import size_of
from stages.places import place
from stages.record import SCHEMA, conform
from stages.stage import ASSETS, Chunk, Source, Unit

SHARE = 0.01
AT_LEAST = 400  # rows
AT_MOST = 4000
UNITS = 16  # at least, if time allows: parts of a crawl differ in rows per byte
READ_S = 12.0
CHUNK_ROWS = 64
ROWS, MEDIA = "rows.parquet", "assets.parquet"


@dataclass(frozen=True, kw_only=True)
class Sample:
    """What was taken from the input, and how that looks.

    Attributes:
        rows: in the sample.
        rows_read: from which they were taken.
        bytes_read: of the input that these came from.
        bytes_all: of the whole input.
        units: of the whole input.
        read_s: CPU seconds that reading took.
    """

    rows: int
    rows_read: int
    bytes_read: float
    bytes_all: float
    units: int
    read_s: float

    @property
    def all_rows(self) -> float:
        """Return how many rows the whole input has, as far as can be told."""
        return self.rows_read * self.bytes_all / max(self.bytes_read, 1)


@dataclass(frozen=True, kw_only=True)
class Sampled(Source):
    """Reads a sample that lies in a folder, until its time is up.

    Attributes:
        seconds: after which it ends.
        rows: after which it ends.
    """

    source: ClassVar = "Quern"
    seconds: float
    rows: int = AT_MOST

    def units(self) -> list[Unit]:
        """Return the sample, which is one unit."""
        return [Unit(index=0, path=str(Path(self.paths[0]) / ROWS))]

    def read(self, unit: Unit) -> Iterator[Chunk]:
        """Yield a few rows at a time."""
        path, end = Path(unit.path), time.monotonic() + self.seconds
        rows = conform(read_table(path)).slice(0, self.rows)
        yield Chunk(rows=SCHEMA.empty_table(), assets=read_table(path.with_name(MEDIA)))
        for start in range(0, rows.num_rows, CHUNK_ROWS):
            if time.monotonic() < end:
                yield Chunk(rows=rows.slice(start, CHUNK_ROWS))


def take_sample(source: Source, units: Sequence[Unit], folder: Path) -> Sample:
    """Write a sample of the rows of the units into a folder, in random order.

    Raises:
        SourceError: when there is not a single row.
    """
    sizes = _sizes(units)
    whole = sum(sizes.values())
    draw, read_bytes = _Draw(), 0.0
    end, cpu = time.monotonic() + READ_S, time.process_time()
    for number, unit in enumerate(_spread(units), start=1):
        for chunk in source.read(unit):
            draw.add(chunk)
        read_bytes += sizes[unit.index]
        enough = number >= UNITS and draw.seen >= AT_LEAST and read_bytes >= SHARE * whole
        if enough or time.monotonic() > end:
            break
    read_s = time.process_time() - cpu
    if not draw.seen:
        raise SourceError("there is no row in the units that were tried; check --read")
    wanted = max(AT_LEAST, int(SHARE * draw.seen * whole / max(read_bytes, 1)))
    rows = draw.rows(min(wanted, AT_MOST))
    write_table(folder / ROWS, rows)
    write_table(folder / MEDIA, pa.concat_tables(draw.media))
    return Sample(
        rows=rows.num_rows,
        rows_read=draw.seen,
        bytes_read=read_bytes,
        bytes_all=whole,
        units=len(units),
        read_s=read_s,
    )


@dataclass(kw_only=True)
class _Draw:
    """Rows out of a stream, evenly spread, never more than a few thousand.

    Attributes:
        seen: rows that went by.
        media: found in the crawl.
    """

    seen: int = 0
    media: list[pa.Table] = field(default_factory=lambda: [ASSETS.empty_table()])
    _kept: list[pa.Table] = field(default_factory=list)
    _share: float = 1.0
    _random: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))

    def add(self, chunk: Chunk) -> None:
        """Take a share of the rows of a chunk; the rest is let go."""
        rows = conform(chunk.rows)
        count = int(self._share * len(rows) + self._random.random())
        self._kept.append(rows.take(self._one_of_each(len(rows), count)))
        self.seen += len(rows)
        self.media += [chunk.assets] if chunk.assets is not None else []
        if sum(map(len, self._kept)) > 2 * AT_MOST:
            everything = _whole(self._kept)
            self._kept = [everything.take(self._one_of_each(len(everything), AT_MOST))]
            self._share *= AT_MOST / len(everything)

    def rows(self, count: int) -> pa.Table:
        """Return at most so many of the rows taken, in random order."""
        everything = _whole(self._kept)
        places = self._one_of_each(len(everything), count)
        return everything.take(pa.array(self._random.permutation(places)))

    def _one_of_each(self, rows: int, count: int) -> pa.Array:
        """Return a random place in each of `count` equal stretches: every n-th would follow
        whatever in the input comes every n rows.
        """
        if count >= rows:
            return pa.array(np.arange(rows))
        ends = np.linspace(0, rows, count + 1)
        places = ends[:-1] + self._random.random(count) * np.diff(ends)
        return pa.array(np.unique(places.astype(np.int64)))


def _whole(tables: Sequence[pa.Table]) -> pa.Table:
    return conform(pa.concat_tables(tables, promote_options="default"))


def _spread(units: Sequence[Unit]) -> list[Unit]:
    """Return the units in an order of which every beginning is evenly spaced."""
    digits = len(units).bit_length()
    return sorted(units, key=lambda unit: int(f"{unit.index:0{digits}b}"[::-1], 2))


def _sizes(units: Sequence[Unit]) -> dict[int, float]:
    """Return how many bytes of input stand behind each unit."""
    sharing = Counter(unit.path for unit in units)
    sizes = {path: size_of(place(path)) for path in sharing}
    return {unit.index: sizes[unit.path] / sharing[unit.path] for unit in units}
