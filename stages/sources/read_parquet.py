"""Read records, as Quern writes them, or plain texts from Parquet files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from stages.errors import RecordError, SourceError
from stages.input_paths import expand, open_input
from stages.places import at_once, place
from stages.record import conform, table_of
from stages.sources.from_shard import LEFT_OUT, is_shard, pictures_in, records_of
from stages.sources.pages import CHUNK_ROWS
from stages.sources.plain_rows import BadRowError, text_row
from stages.stage import Chunk, Fault, Source, Unit

SUFFIXES = (".parquet",)
READ_AHEAD: Final = 1 << 20
"""Bytes of a remote file fetched beyond what was asked for."""

T = TypeVar("T")

_RECORD_COLUMNS = ("id", "kind", "messages")


@dataclass(frozen=True, kw_only=True)
class ReadParquet(Source):
    """Reads one sample per row: a record with `messages`, or a row with a text column.

    Reads: Parquet files, Quern's own shards among them; every row group is a unit. Of a shard,
        the token columns are left out, and pictures stay in it: do not move it before the run
        that reads it has written its own shards.
    Writes: every record column, and further columns of a record as they are. A file without
        `messages` gives samples of kind "text": one document of one part, with `url` as
        source.uri and its other columns in meta; a row without text is a Fault that names its
        number.
    Source: Quern.

    Attributes:
        text_column: the column that holds the text of a file without `messages`.
    """

    writes: ClassVar = ("id", "kind", "source", "messages", "media", "meta")
    source: ClassVar = "Quern"

    text_column: str = "text"

    def columns(self) -> set[str]:
        """Return the columns that every file has, when they hold records."""
        found = [set(names) for _, names in _of_each(self.paths, _columns)]
        shared = set[str].intersection(*found)
        return {*self.writes, *(shared if "messages" in shared else ())}

    def units(self) -> list[Unit]:
        """Return the row groups, having checked the columns of every file.

        Raises:
            SourceError: when a path names nothing, is no Parquet file, or lacks a column.
        """
        groups: list[tuple[str, int]] = []
        wrong: list[str] = []
        for path, found in _of_each(self.paths, lambda path: _groups(path, self.text_column)):
            if isinstance(found, str):
                wrong.append(f"\n  - {found}")
            else:
                groups += [(path, group) for group in range(found)]
        if wrong:
            raise SourceError(f"{len(wrong)} input files cannot be used{''.join(wrong)}")
        return [
            Unit(index=index, path=path, start=group, stop=group + 1)
            for index, (path, group) in enumerate(groups)
        ]

    def read(self, unit: Unit) -> Iterator[Chunk]:
        """Yield the rows of the unit's row group, 256 at a time.

        Raises:
            SourceError: when the file cannot be opened any more.
        """
        with _open(unit.path) as parquet:
            convert = _converter(parquet.schema_arrow, unit, self.text_column)
            row = _rows_before(parquet, unit.start)
            groups = range(unit.start, unit.stop)
            batches = parquet.iter_batches(CHUNK_ROWS, row_groups=groups, use_threads=False)
            try:
                for batch in batches:
                    yield convert(pa.Table.from_batches([batch]), row)
                    row += batch.num_rows
            except (pa.ArrowException, OSError) as error:
                yield Chunk(
                    rows=table_of([]),
                    faults=(Fault(path=unit.path, offset=row, message=f"row {row}: {error}"),),
                )


@contextmanager
def _open(path: str) -> Iterator[pq.ParquetFile]:
    with ExitStack() as stack:
        try:
            where = place(path)
            file = where if isinstance(where, Path) else open_input(path, READ_AHEAD)
            parquet = stack.enter_context(pq.ParquetFile(file))
        except (pa.ArrowException, OSError) as error:
            message = f"cannot read {path}: not a readable Parquet file: {error}"
            raise SourceError(message) from error
        yield parquet


def _of_each(paths: Sequence[str], look: Callable[[str], T]) -> Iterator[tuple[str, T]]:
    """Yield what is seen in each file, with its path; remote ones are looked at together."""
    files = [str(file.path) for file in expand(paths, SUFFIXES)]
    remote = any("://" in path for path in files)
    return zip(files, at_once(look, files, remote=remote), strict=True)


def _columns(path: str) -> list[str]:
    with _open(path) as parquet:
        names: list[str] = parquet.schema_arrow.names
        return [
            each for each in names if each not in LEFT_OUT or not is_shard(parquet.schema_arrow)
        ]


def _groups(path: str, text_column: str) -> int | str:
    """Return the number of row groups, or what is wrong with the file."""
    try:
        with _open(path) as parquet:
            _check(path, parquet.schema_arrow, text_column)
            return int(parquet.num_row_groups)
    except SourceError as error:
        return str(error)


def _converter(schema: pa.Schema, unit: Unit, text_column: str) -> Callable[[pa.Table, int], Chunk]:
    """Return what turns rows of the unit, given the number of the first, into a chunk."""
    if "messages" not in schema.names:
        return lambda table, row: _texts(table, text_column, unit.path, row)
    if not is_shard(schema):
        return lambda table, row: Chunk(rows=conform(table))
    where = place(unit.path)
    path = str(where.absolute() if isinstance(where, Path) else where)
    seen = 0

    def from_shard(table: pa.Table, _: int) -> Chunk:
        nonlocal seen
        rows = records_of(table, path=path, group=unit.start, before=seen)
        seen += pictures_in(table)
        return Chunk(rows=rows)

    return from_shard


def _check(path: str, schema: pa.Schema, text_column: str) -> None:
    if "messages" in schema.names:
        missing = [name for name in _RECORD_COLUMNS if name not in schema.names]
    else:
        missing = [] if text_column in schema.names else [text_column]
    if missing:
        raise SourceError(
            f"{path}: no column {' or '.join(map(repr, missing))}; it has {schema.names}. "
            f"Set text_column to the one that holds the text"
        )
    if "messages" not in schema.names:
        return
    try:
        empty = schema.empty_table()
        _ = records_of(empty) if is_shard(schema) else conform(empty)
    except RecordError as error:
        raise SourceError(f"{path}: {error}") from error


def _rows_before(parquet: pq.ParquetFile, group: int) -> int:
    return sum(parquet.metadata.row_group(each).num_rows for each in range(group))


def _texts(table: pa.Table, text_column: str, path: str, first: int) -> Chunk:
    rows: list[dict[str, Any]] = []
    faults: list[Fault] = []
    for number, row in enumerate(table.to_pylist(), start=first):
        try:
            rows.append(text_row(row, text_column=text_column, path=path, offset=number))
        except BadRowError as error:
            faults.append(Fault(path=path, offset=number, message=f"row {number}: {error}"))
    return Chunk(rows=table_of(rows), faults=tuple(faults))
