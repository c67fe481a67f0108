"""Read records or plain texts from JSON lines (.jsonl, .jsonl.gz)."""

from __future__ import annotations

import gzip
import itertools
import json
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, BinaryIO, ClassVar, Final, cast

import pyarrow as pa

from stages.input_paths import expand, open_input, size_of
from stages.record import table_of
from stages.sources.pages import CHUNK_BYTES, CHUNK_ROWS
from stages.sources.plain_rows import BadRowError, record_row, text_row
from stages.stage import Chunk, Fault, Source, Unit

SUFFIXES = (".jsonl", ".jsonl.gz", ".ndjson")

READ_AHEAD: Final = 4 << 20
"""Bytes of a remote file fetched at a time."""

_UNFIT = (pa.ArrowException, UnicodeEncodeError, TypeError, ValueError, OverflowError)


@dataclass(frozen=True, kw_only=True)
class ReadJsonl(Source):
    """Reads one sample per line: a record with `messages`, or an object with a text.

    Reads: JSON lines in UTF-8; maps (meta, scores) as JSON objects. A plain file is cut into
        units at line ends, a .gz is one unit.
    Writes: every record column. A line without `messages` becomes a sample of kind "text": one
        document of one part, with `url` as source.uri and its other fields in meta. Blank lines
        are passed over; a line that is no such object is a Fault that names its number.
    Source: Quern.

    Attributes:
        text_column: the field that holds the text of a line without `messages`.
        unit_mb: MB read as one unit.
        max_line_mb: a longer line is a Fault, MB.
    """

    writes: ClassVar = ("id", "kind", "source", "messages", "media", "meta")
    source: ClassVar = "Quern"

    text_column: str = "text"
    unit_mb: int = 32
    max_line_mb: int = 64

    def __post_init__(self) -> None:
        for name in ("unit_mb", "max_line_mb"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1 MB, got {getattr(self, name)}")

    def units(self) -> list[Unit]:
        """Return byte ranges of `unit_mb`, whole files for .gz; see `Source.units`."""
        units: list[Unit] = []
        for file in expand(self.paths, SUFFIXES):
            size = size_of(file.path)
            step = max(size, 1) if file.path.suffix == ".gz" else self.unit_mb << 20
            for start in range(0, size, step):
                stop = min(start + step, size)
                units.append(Unit(index=len(units), path=str(file.path), start=start, stop=stop))
        return units

    def read(self, unit: Unit) -> Iterator[Chunk]:
        """Yield the samples whose line begins in the unit, at most 256 at a time."""
        draft = _Draft(unit=unit)
        for line in _lines(unit, self.max_line_mb << 20):
            draft.add(line, self.text_column)
            if draft.is_full:
                yield draft.chunk()
        if draft.rows or draft.faults:
            yield draft.chunk()


@dataclass(frozen=True, kw_only=True)
class _Line:
    """A line: `number` from 0 in its unit; `error` instead of `data` when it is unreadable."""

    offset: int
    number: int
    data: bytes = b""
    error: str = ""


def _parse(line: bytes, text_column: str, path: str, offset: int) -> dict[str, Any]:
    try:
        row = json.loads(line.removeprefix(b"\xef\xbb\xbf"))
    except (ValueError, RecursionError) as error:
        raise BadRowError(f"not JSON: {error}") from error
    if not isinstance(row, dict):
        raise BadRowError(f"a JSON object is needed, not a {type(row).__name__}")
    try:
        if "messages" in row:
            return record_row(row, path=path, offset=offset)
        return text_row(row, text_column=text_column, path=path, offset=offset)
    except _UNFIT as error:  # half a surrogate pair, a number where a list belongs, ...
        raise BadRowError(f"does not follow the record: {error}") from error


def _lines(unit: Unit, max_bytes: int) -> Iterator[_Line]:
    """Yield the lines that begin in the unit; behind a damaged place there are none."""
    is_gzip = unit.path.endswith(".gz")
    with ExitStack() as stack:
        file = stack.enter_context(open_input(unit.path, READ_AHEAD))
        if is_gzip:
            file = stack.enter_context(cast(BinaryIO, gzip.GzipFile(fileobj=file)))
        offset = _first_line(file, unit.start)
        for number in itertools.count():
            if not is_gzip and offset >= unit.stop:
                return
            try:
                data = file.readline(max_bytes + 1)
                skipped = 0 if len(data) <= max_bytes else _skip_line(file, data)
            except (OSError, EOFError, zlib.error) as error:
                message = f"the file is damaged here: {error}"
                yield _Line(offset=offset, number=number, error=message)
                return
            if not data:
                return
            if len(data) > max_bytes:
                message = f"longer than {max_bytes >> 20} MB"
                yield _Line(offset=offset, number=number, error=message)
            elif data.strip():
                yield _Line(offset=offset, number=number, data=data)
            offset += len(data) + skipped


def _first_line(file: BinaryIO, start: int) -> int:
    """Go to the first line that begins at or after a byte; return where that is."""
    if start > 0:
        file.seek(start - 1)
        _skip_line(file, b"")
    return file.tell()


def _skip_line(file: BinaryIO, begun: bytes) -> int:
    """Read on to the end of the line that has `begun`; return the number of bytes read."""
    skipped = 0
    piece = begun
    while not piece.endswith(b"\n") and (piece := file.readline(1 << 20)):
        skipped += len(piece)
    return skipped


@dataclass(kw_only=True)
class _Draft:
    """A chunk being filled."""

    unit: Unit
    rows: list[tuple[_Line, dict[str, Any]]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    bytes: int = 0

    @property
    def is_full(self) -> bool:
        return len(self.rows) >= CHUNK_ROWS or self.bytes >= CHUNK_BYTES

    def add(self, line: _Line, text_column: str) -> None:
        if line.error:
            self._refuse(line, line.error)
            return
        try:
            row = _parse(line.data, text_column, self.unit.path, line.offset)
        except BadRowError as error:
            self._refuse(line, str(error))
            return
        self.rows.append((line, row))
        self.bytes += len(line.data)

    def chunk(self) -> Chunk:
        """Return what there is and begin anew; rows that do not fit the schema are faults."""
        try:
            table = table_of(row for _, row in self.rows)
        except _UNFIT:
            table = table_of(self._fitting())
        chunk = Chunk(rows=table, faults=tuple(self.faults))
        self.rows, self.faults, self.bytes = [], [], 0
        return chunk

    def _fitting(self) -> list[dict[str, Any]]:
        fitting = []
        for line, row in self.rows:
            try:
                table_of([row])
            except _UNFIT as error:
                self._refuse(line, f"does not follow the record: {error}")
            else:
                fitting.append(row)
        return fitting

    def _refuse(self, line: _Line, message: str) -> None:
        # Counting the lines in front of the unit costs a read; only faults pay for it.
        number = 1 + line.number + self._lines_before
        message = f"line {number}: {message}"
        self.faults.append(Fault(path=self.unit.path, offset=line.offset, message=message))

    @cached_property
    def _lines_before(self) -> int:
        """The number of lines that begin in front of the unit."""
        count = 0
        with open_input(self.unit.path, READ_AHEAD) as file:
            left = _first_line(file, self.unit.start)
            file.seek(0)
            while left > 0 and (piece := file.read(min(left, 1 << 20))):
                count += piece.count(b"\n")
                left -= len(piece)
        return count
