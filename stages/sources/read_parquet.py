"""Read records, as Quern writes them, or plain texts from Parquet files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.parquet as pq

from stages.errors import RecordError, SourceError
from stages.record import conform, table_of
from stages.sources.pages import CHUNK_ROWS
from stages.sources.paths import expand
from stages.sources.plain_rows import BadRowError, text_row
from stages.stage import Chunk, Fault, Source, Unit

SUFFIXES = (".parquet",)

_RECORD_COLUMNS = ("id", "kind", "messages")


@dataclass(frozen=True, kw_only=True)
class ReadParquet(Source):
    """Reads one sample per row: a record with `messages`, or a row with a text column.

    Reads: Parquet files; every row group is a unit.
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
        found = [set(pq.read_schema(file.path).names) for file in expand(self.paths, SUFFIXES)]
        shared = set[str].intersection(*found)
        return {*self.writes, *(shared if "messages" in shared else ())}

    def units(self) -> list[Unit]:
        """Return the row groups, having checked the columns of every file.

        Raises:
            SourceError: when a path names nothing, is no Parquet file, or lacks a column.
        """
        groups: list[tuple[str, int]] = []
        wrong: list[str] = []
        for file in expand(self.paths, SUFFIXES):
            path = str(file.path)
            try:
                with pq.ParquetFile(path) as parquet:
                    _check(path, parquet.schema_arrow, self.text_column)
                    groups += [(path, group) for group in range(parquet.num_row_groups)]
            except (pa.ArrowException, OSError) as error:
                wrong.append(f"\n  - {path}: not a readable Parquet file: {error}")
            except SourceError as error:
                wrong.append(f"\n  - {error}")
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
            is_record = "messages" in parquet.schema_arrow.names
            row = _rows_before(parquet, unit.start)
            groups = range(unit.start, unit.stop)
            batches = parquet.iter_batches(CHUNK_ROWS, row_groups=groups, use_threads=False)
            try:
                for batch in batches:
                    table = pa.Table.from_batches([batch])
                    yield (
                        Chunk(rows=conform(table))
                        if is_record
                        else _texts(table, self.text_column, unit.path, row)
                    )
                    row += table.num_rows
            except (pa.ArrowException, OSError) as error:
                yield Chunk(
                    rows=table_of([]),
                    faults=(Fault(path=unit.path, offset=row, message=f"row {row}: {error}"),),
                )


def _open(path: str) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise SourceError(f"cannot read {path}: {error}") from error


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
        conform(schema.empty_table())
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
