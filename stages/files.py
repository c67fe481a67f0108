"""Files that appear whole or not at all, Parquet files among them."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

import pyarrow as pa
import pyarrow.parquet as pq

from stages.errors import StorageError

_REMEDIES: Final = {
    errno.ENOSPC: "the disk is full; free space there",
    errno.EDQUOT: "the disk quota is used up; free space there",
    errno.EROFS: "the file system is read-only; write to another folder",
    errno.EACCES: "this user may not write there; change its rights or write to another folder",
    errno.EPERM: "this user may not write there; change its rights or write to another folder",
}


@contextmanager
def atomic(path: Path) -> Iterator[BinaryIO]:
    """Give a file to write that takes its name, flushed to disk, when the block ends well.

    A reader never sees half a file. A killed writer leaves `NAME.PID.tmp`: see `sweep`.

    Raises:
        StorageError: when the file cannot be written; the message says what to do.
    """
    partial = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
        _sync_folder(path.parent)
    except OSError as error:
        remedy = _REMEDIES.get(error.errno or 0, str(error))
        raise StorageError(
            f"cannot write {path}: {remedy}, then run the same command again"
        ) from error
    finally:
        _discard(partial)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _discard(partial: Path) -> None:
    try:
        partial.unlink(missing_ok=True)
    except OSError:  # the error that brought us here says more
        return


def sweep(folder: Path) -> None:
    """Remove what killed writers left in the folder; call it while nobody writes there."""
    for partial in folder.glob("*.tmp"):
        partial.unlink(missing_ok=True)


@contextmanager
def parquet_writer(path: Path, schema: pa.Schema) -> Iterator[pq.ParquetWriter]:
    """Give a writer of a Parquet file that appears when the block ends well.

    Equal tables written in equal steps give equal bytes.
    """
    with atomic(path) as file, pq.ParquetWriter(file, schema, compression="zstd") as writer:
        yield writer


def write_table(path: Path, table: pa.Table) -> None:
    """Write the table as one Parquet file with one row group; it appears whole or not at all.

    Raises:
        StorageError: when the file cannot be written.
    """
    with parquet_writer(path, table.schema) as writer:
        writer.write_table(table, row_group_size=max(table.num_rows, 1))


def write_bytes(path: Path, data: bytes) -> None:
    """Write the bytes as one file, which appears whole or not at all.

    Raises:
        StorageError: when the file cannot be written.
    """
    with atomic(path) as file:
        file.write(data)


@contextmanager
def open_parquet(path: Path) -> Iterator[pq.ParquetFile]:
    """Give the Parquet file at a path.

    Raises:
        StorageError: when it is missing or damaged, also while it is read.
    """
    try:
        with pq.ParquetFile(path) as file:
            yield file
    except FileNotFoundError as error:
        raise StorageError(f"{path} is missing; run the same command again to make it") from error
    except (pa.ArrowInvalid, OSError) as error:
        raise StorageError(
            f"{path} is damaged ({error}); remove it and run the same command again"
        ) from error


def read_table(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """Return the table of a Parquet file, or the named columns of it.

    Raises:
        StorageError: when the file is missing or damaged.
    """
    with open_parquet(path) as file:
        return file.read(columns=None if columns is None else list(columns))


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file as 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
