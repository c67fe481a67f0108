"""Files that appear whole or not at all, Parquet files among them."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

import pyarrow as pa
import pyarrow.parquet as pq

from stages.errors import StorageError
from stages.places import AnyPath, is_remote, open_ranged, reached, read_bytes, upload

_REMEDIES: Final = {
    errno.ENOSPC: "the disk is full; free space there",
    errno.EDQUOT: "the disk quota is used up; free space there",
    errno.EROFS: "the file system is read-only; write to another folder",
    errno.EACCES: "this user may not write there; change its rights or write to another folder",
    errno.EPERM: "this user may not write there; change its rights or write to another folder",
}


@contextmanager
def atomic(path: AnyPath, *, settled: bool = True) -> Iterator[BinaryIO]:
    """Give a file to write that takes its name, kept for good, when the block ends well.

    A reader never sees half a file. A killed writer leaves `NAME.PID.tmp`: see `sweep`. A file
    for object storage is written to a nameless file in TMPDIR first, then sent.

    Args:
        path: of the file.
        settled: whether it outlives a power cut from then on; else from `settle` on.

    Raises:
        StorageError: when the file cannot be written; the message says what to do.
    """
    with _told_why(path), _written(path, settled) if isinstance(path, Path) else _sent(path) as f:
        yield f


@contextmanager
def _told_why(path: AnyPath) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        remedy = _REMEDIES.get(error.errno or 0, str(error))
        where = f" (by way of {tempfile.gettempdir()})" if is_remote(path) else ""
        raise StorageError(
            f"cannot write {path}{where}: {remedy}, then run the same command again"
        ) from error


@contextmanager
def _written(path: Path, settled: bool) -> Iterator[BinaryIO]:
    partial = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            yield file
            if settled:
                file.flush()
                os.fsync(file.fileno())
        os.replace(partial, path)
        if settled:
            _sync(path.parent)
    finally:
        _discard(partial)


@contextmanager
def _sent(path: AnyPath) -> Iterator[BinaryIO]:
    with tempfile.TemporaryFile() as file:
        spool = cast(BinaryIO, file)
        yield spool
        upload(spool, path)


def settle(paths: Sequence[AnyPath]) -> None:
    """Keep files for good that were not when they were written; together they cost little more
    than one.

    Raises:
        StorageError: when that fails.
    """
    local = [path for path in paths if isinstance(path, Path)]
    for path in (*local, *dict.fromkeys(path.parent for path in local)):
        with _told_why(path):
            _sync(path)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _discard(partial: Path) -> None:
    try:
        partial.unlink(missing_ok=True)
    except OSError:  # the error that brought us here says more
        return


def sweep(folder: AnyPath) -> None:
    """Remove what killed writers left in the folder; call it while nobody writes there."""
    if is_remote(folder):  # where nothing appears before it is whole
        return
    for partial in folder.glob("*.tmp"):
        partial.unlink(missing_ok=True)


@dataclass(kw_only=True)
class Measure:
    """Counts and hashes the bytes of a file while they are written.

    Attributes:
        bytes: written so far.
    """

    bytes: int = 0
    _hash: Any = field(default_factory=hashlib.sha256)

    @property
    def sha256(self) -> str:
        """Hash of what was written so far, 64 hex digits."""
        return str(self._hash.hexdigest())

    def add(self, data: Any) -> None:
        """Note bytes that were written."""
        self.bytes += memoryview(data).nbytes
        self._hash.update(data)


class _Measured(io.RawIOBase):
    """A file whose bytes are measured on their way to another, which stays open."""

    def __init__(self, file: BinaryIO, measure: Measure) -> None:
        self._file, self._measure = file, measure

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._measure.bytes

    def write(self, data: Any) -> int:
        self._measure.add(data)
        return self._file.write(data)


@contextmanager
def parquet_writer(
    path: AnyPath, schema: pa.Schema, measure: Measure | None = None, *, settled: bool = True
) -> Iterator[pq.ParquetWriter]:
    """Give a writer of a Parquet file that appears when the block ends well.

    Equal tables written in equal steps give equal bytes.

    Args:
        path: of the file.
        schema: of its tables.
        measure: counts and hashes the file; whole when the block has ended.
        settled: see `atomic`.
    """
    with atomic(path, settled=settled) as file:
        measured = _Measured(file, measure or Measure())
        with pq.ParquetWriter(measured, schema, compression="zstd") as writer:
            yield writer


def write_table(path: AnyPath, table: pa.Table, *, settled: bool = True) -> Measure:
    """Write the table as one Parquet file with one row group; it appears whole or not at all.

    Returns the size and hash of the file. About `settled` see `atomic`.

    Raises:
        StorageError: when the file cannot be written.
    """
    measure = Measure()
    with parquet_writer(path, table.schema, measure, settled=settled) as writer:
        writer.write_table(table, row_group_size=max(table.num_rows, 1))
    return measure


def write_bytes(path: AnyPath, data: bytes, *, settled: bool = True) -> None:
    """Write the bytes as one file, which appears whole or not at all; `settled` as in `atomic`.

    Raises:
        StorageError: when the file cannot be written.
    """
    with atomic(path, settled=settled) as file:
        file.write(data)


@contextmanager
def open_parquet(path: AnyPath) -> Iterator[pq.ParquetFile]:
    """Give the Parquet file at a path; of a remote one, only what is asked for is fetched.

    Raises:
        StorageError: when it is missing or damaged, also while it is read.
    """
    with _explained(path), ExitStack() as stack:
        source = path if isinstance(path, Path) else stack.enter_context(open_ranged(path))
        yield stack.enter_context(pq.ParquetFile(source, pre_buffer=is_remote(path)))


@contextmanager
def _explained(path: AnyPath) -> Iterator[None]:
    try:
        with reached(path) if is_remote(path) else nullcontext():
            yield
    except FileNotFoundError as error:
        raise StorageError(f"{path} is missing; run the same command again to make it") from error
    except (pa.ArrowInvalid, OSError) as error:
        raise StorageError(
            f"{path} is damaged ({error}); remove it and run the same command again"
        ) from error


def read_table(path: AnyPath, columns: Sequence[str] | None = None) -> pa.Table:
    """Return the table of a Parquet file, or the named columns of it.

    Raises:
        StorageError: when the file is missing or damaged.
    """
    if columns is None and is_remote(path):
        with _explained(path):
            return pq.ParquetFile(pa.BufferReader(read_bytes(path))).read()
    with open_parquet(path) as file:
        return file.read(columns=None if columns is None else list(columns))


def sha256_of(path: AnyPath) -> str:
    """Return the sha256 of a file as 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(cast(Any, file), "sha256").hexdigest()
