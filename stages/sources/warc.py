"""Walk the records of a WARC file: plain, .gz by members, .zst; damage becomes a Fault.

In a .gz file every record is a gzip member of its own (WARC 1.1, annex D), so reading may start
at any byte: a record belongs to the range in which its first byte lies. A .gz file whose members
hold several records is read through, and offsets count the bytes that it inflates to. fastwarc
reads on silently where a member is cut short or a Content-Length lies, hence members are inflated
one by one here and fastwarc parses what is whole.
"""

from __future__ import annotations

import gzip
import io
import re
import shutil
import sys
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, Final, Literal, cast

from fastwarc.warc import ArchiveIterator, WarcRecord

from stages.errors import SourceError, StorageError
from stages.input_paths import input_info, open_input
from stages.places import place
from stages.sources.http_body import Response, parse_response
from stages.stage import Fault

READ_AHEAD: Final = 4 << 20
"""Bytes of a remote file fetched at a time where it is read through."""
RECORD_AHEAD: Final = 256 << 10
"""Bytes fetched for one record; a larger one costs further requests."""

_GZIP = b"\x1f\x8b\x08"
_READ_BYTES = 16 << 10
_SCAN_BYTES = 1 << 20
_MAX_FIRST = 64 << 20  # bytes of a first record that is looked behind
_MAX_INFLATION = 100  # beyond the size limit: deflate reaches 1032, text about 10


@dataclass(frozen=True, kw_only=True)
class Record:
    """One WARC record.

    Attributes:
        offset: bytes into the file, compressed where the file is.
        type: response, resource, request, ...
        uri: WARC-Target-URI, "" when there is none.
        content_type: of the record itself, not of the HTTP response in it.
        headers: the WARC headers by lower-case name.
        length: bytes of the block as the header says.
        block: what follows the headers; shorter than `length` when it is over the limit.
    """

    offset: int
    type: str
    uri: str
    content_type: str
    headers: dict[str, str]
    length: int
    block: bytes

    @property
    def is_cut(self) -> bool:
        """True when the block is larger than the reader's limit and only its head is here."""
        return len(self.block) < self.length

    def response(self) -> Response | None:
        """Return the HTTP response; a resource counts as one with status 200, dns: as none."""
        if self.type == "resource":
            return Response(status=200, headers={"content-type": self.content_type}, raw=self.block)
        is_http = self.content_type.lower().startswith("application/http")
        return parse_response(self.block) if is_http else None


class _DamageError(Exception):
    """The bytes at an offset are not a whole record; never leaves this module."""


def read_records(
    path: str, *, start: int = 0, stop: int | None = None, max_bytes: int
) -> Iterator[Record | Fault]:
    """Yield the records whose first byte lies in [start, stop), in order.

    Args:
        path: WARC file, or its URI.
        start: first byte; other than 0 only for .gz files of a member per record.
        stop: byte after the last, or None for the end of the file.
        max_bytes: longer blocks are cut to this length.

    Raises:
        SourceError: when the file cannot be opened.
        StorageError: when the store of a remote file cannot be reached.
    """
    layout: Layout = "members" if start else layout_of(path)
    with open_input(path, READ_AHEAD) as file:
        size = _size(file)
        end = size if stop is None else min(stop, size)
        if layout == "members":
            items = _members(file, path, start, end, max_bytes)
        elif layout == "plain":
            items = _stream(file, path, start, end, max_bytes)
        else:
            file.seek(0)
            inflated = cast(BinaryIO, _Inflating(fileobj=file))
            items = _stream(inflated, path, 0, sys.maxsize, max_bytes)
        first = next(items, None)
        if first is not None:
            yield first
            yield from items
        elif start == 0:
            yield Fault(path=path, offset=0, message="the file holds no WARC record")


def read_record(path: str, *, offset: int, max_bytes: int) -> Record:
    """Return the record at an offset that `read_records` gave.

    Raises:
        SourceError: when no whole record is there (the file changed, or is damaged).
        StorageError: when the store of a remote file cannot be reached.
    """
    layout = layout_of(path)
    try:
        if layout == "members":
            with open_input(path, RECORD_AHEAD) as file:
                return _read_member(file, offset, max_bytes)[0]
        with ExitStack() as stack:
            if layout == "inflated":
                file = _inflated(path, _version(path))
            else:
                file = stack.enter_context(open_input(path, RECORD_AHEAD))
            item = next(_stream(file, path, offset, offset + 1, max_bytes), None)
            if isinstance(item, Record) and item.offset == offset:
                return item
            damage = "another record" if item is None else str(item)
    except _DamageError as error:
        damage = str(error)
    raise SourceError(f"no record at byte {offset} of {path} ({damage}): the file changed")


Layout = Literal["members", "inflated", "plain"]
"""How records lie: a .gz member each; in .gz members of several; or one after the other."""


def layout_of(path: str) -> Layout:
    """Return how the records of a file lie, as its first one tells.

    Raises:
        SourceError: when the file cannot be opened.
        StorageError: when the store of a remote file cannot be reached.
    """
    return _layout(path, _version(path))


def _version(path: str) -> object:
    where = place(path)
    if not isinstance(where, Path):
        return input_info(path)
    try:
        told = where.stat()
    except OSError as error:
        raise SourceError(f"cannot read {path}: {error.strerror}") from error
    return told.st_size, told.st_mtime_ns


@lru_cache(maxsize=1024)
def _layout(path: str, version: object) -> Layout:
    with open_input(path, RECORD_AHEAD) as file:
        head = file.read(5)
        if not head.startswith(_GZIP) and (not path.endswith(".gz") or head == b"WARC/"):
            return "plain"
        return "inflated" if _holds_several(file) else "members"


def _holds_several(file: BinaryIO) -> bool:
    """Tell whether the first gzip member goes on with a second record behind the first."""
    file.seek(0)
    inflater = zlib.decompressobj(31)
    data, wanted = bytearray(), _MAX_FIRST
    while len(data) < wanted and not inflater.eof and (piece := file.read(_READ_BYTES)):
        try:
            data += inflater.decompress(piece, _MAX_FIRST)
        except zlib.error:
            return False
        if wanted == _MAX_FIRST and (end := data.find(b"\r\n\r\n")) >= 0:
            length = re.search(rb"(?im)^content-length:\s*(\d+)", data[:end])
            behind = end + 4 + int(length[1]) if length else 0
            wanted = min(behind + 16, _MAX_FIRST - 1)
            if not length or behind > wanted:
                return False
    return wanted < _MAX_FIRST and data[wanted - 16 :].lstrip(b"\r\n").startswith(b"WARC/")


class _Inflating(gzip.GzipFile):
    """Gives what there is in front of damage before it complains of it."""

    def read(self, size: int | None = -1) -> bytes:
        return self.read1(-1 if size is None else size)


@lru_cache(maxsize=2)
def _inflated(path: str, version: object) -> BinaryIO:
    """Return what a file inflates to, in a nameless file in TMPDIR: records can be sought there.

    Raises:
        StorageError: when there is no room for it.
    """
    file = cast(BinaryIO, tempfile.TemporaryFile())  # noqa: SIM115  kept open
    with open_input(path, READ_AHEAD) as packed:
        try:
            shutil.copyfileobj(_Inflating(fileobj=packed), file, 1 << 20)
        except (EOFError, zlib.error, gzip.BadGzipFile):
            return file  # its records end where the damage is
        except OSError as error:
            raise StorageError(
                f"cannot inflate {path} into {tempfile.gettempdir()}: {error.strerror}; its "
                f"pictures are sought there. Set TMPDIR to a folder with room, or rewrite the "
                f"file with one gzip member for each record"
            ) from error
    return file


def _size(file: BinaryIO) -> int:
    return file.seek(0, io.SEEK_END)


def _members(
    file: BinaryIO, path: str, start: int, stop: int, max_bytes: int
) -> Iterator[Record | Fault]:
    """Yield the records of .gz members; after damage, go on at the next member."""
    at: int | None = start if start == 0 else _next_member(file, start)
    while at is not None and at < stop:
        try:
            record, after = _read_member(file, at, max_bytes)
        except _DamageError as damage:
            yield Fault(path=path, offset=at, message=str(damage))
            at = _next_member(file, at + 1)
            continue
        yield record
        at = after
        # The range behind starts at the next member it can find and would pass over a damaged
        # first one without a word; so the reader in front of it looks and tells.
        if stop <= at < _size(file) and not _is_member(file, at):
            yield Fault(path=path, offset=at, message="not the beginning of a WARC record")


def _next_member(file: BinaryIO, start: int) -> int | None:
    """Return the offset of the first gzip member at or after `start` that holds a record."""
    while True:
        file.seek(start)
        window = file.read(_SCAN_BYTES)
        at = window.find(_GZIP)
        while at >= 0:
            if _is_member(file, start + at):
                return start + at
            at = window.find(_GZIP, at + 1)
        if len(window) < _SCAN_BYTES:
            return None
        start += len(window) - len(_GZIP) + 1


def _is_member(file: BinaryIO, at: int) -> bool:
    file.seek(at)
    try:
        return zlib.decompressobj(31).decompress(file.read(1024), 5) == b"WARC/"
    except zlib.error:
        return False


def _read_member(file: BinaryIO, at: int, max_bytes: int) -> tuple[Record, int]:
    """Return the record of the member at an offset, and the offset after the member."""
    head_bytes = 64 << 10  # room for the WARC headers beside a block of max_bytes
    data, after = _inflate_member(file, at, max_bytes + head_bytes)
    try:
        parsed = next(ArchiveIterator(io.BytesIO(data), parse_http=False, fsspec_args=False), None)
    except OSError as error:
        raise _DamageError(str(error)) from error
    if parsed is None:
        raise _DamageError("a gzip member without a WARC record")
    record = _record(parsed, at, max_bytes)
    left = data[data.find(b"\r\n\r\n") + 4 + record.length :]
    if left.lstrip(b"\r\n").startswith(b"WARC/"):
        raise _DamageError(
            "several records in one gzip member: gunzip the file, or rewrite it with one member "
            "for each record"
        )
    return record, after


def _inflate_member(file: BinaryIO, at: int, max_bytes: int) -> tuple[bytes, int]:
    """Return at most about `max_bytes` of the member's content, and the offset after it."""
    file.seek(at)
    inflater = zlib.decompressobj(31)
    pieces: list[bytes] = []
    taken = inflated = kept = 0
    while not inflater.eof:
        data = file.read(_READ_BYTES)
        if not data:
            raise _DamageError("the file ends in the middle of a record")
        try:
            piece = inflater.decompress(data)
        except zlib.error as error:
            raise _DamageError(f"damaged gzip data: {error}") from error
        taken += len(data)
        inflated += len(piece)
        if kept < max_bytes:
            pieces.append(piece)
            kept += len(piece)
        if inflated > max(max_bytes, taken * _MAX_INFLATION):
            raise _DamageError(f"inflates to more than {_MAX_INFLATION} times its size")
    return b"".join(pieces), at + taken - len(inflater.unused_data)


def _stream(
    file: BinaryIO, path: str, start: int, stop: int, max_bytes: int
) -> Iterator[Record | Fault]:
    """Yield the records of a file that is read through; nothing is read behind damage."""
    file.seek(start)
    at = start
    try:
        for parsed in ArchiveIterator(file, parse_http=False, fsspec_args=False):
            at = parsed.stream_pos
            if at >= stop:
                return
            yield _record(parsed, at, max_bytes)
    except (OSError, EOFError, zlib.error, _DamageError) as error:
        yield Fault(path=path, offset=at, message=str(error))


def _record(parsed: WarcRecord, offset: int, max_bytes: int) -> Record:
    headers = {name.lower(): value for name, value in parsed.headers.items()}
    length = parsed.content_length
    if not headers.get("content-length", "").strip().isdigit():
        raise _DamageError(f"Content-Length is {headers.get('content-length')!r}")
    block = parsed.reader.read(min(length, max_bytes))
    if len(block) < min(length, max_bytes):
        raise _DamageError(f"the record says {length} bytes and has {len(block)}")
    return Record(
        offset=offset,
        type=headers.get("warc-type", "").lower(),
        uri=headers.get("warc-target-uri", "").strip("<> "),
        content_type=headers.get("content-type", ""),
        headers=headers,
        length=length,
        block=block,
    )
