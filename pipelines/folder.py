"""The run folder: where everything of a run lies, and how files appear in it whole.

run.json recipe.yaml                  what ran
segments/1/00012.kept.parquet         .rejected .quarantine .assets; .done commits the unit
buckets/1/00012.arrow .beside.arrow   what the Regroup after segment 1 takes from a unit
decisions/1/00003.arrow               its decisions, one record batch per unit
media/                                packs
shards/ card/ report.html             what is handed on
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from stages.errors import StorageError
from stages.files import atomic, sweep, write_bytes
from stages.stage import Unit


@dataclass(frozen=True, kw_only=True)
class RunFolder:
    """Paths in a run folder.

    Attributes:
        root: the folder.
    """

    root: Path

    @property
    def media(self) -> Path:
        """Folder of the media packs."""
        return self.root / "media"

    @property
    def shards(self) -> Path:
        """Folder of the finished shards."""
        return self.root / "shards"

    def segment(self, segment: int) -> Path:
        """Folder of a segment's units."""
        return self.root / "segments" / str(segment)

    def unit_file(self, segment: int, unit: int, what: str) -> Path:
        """Path of `kept.parquet`, `rejected.parquet`, ..., `done` of a unit."""
        return self.segment(segment) / f"{unit:05d}.{what}"

    def bucket_rows(self, segment: int, unit: int) -> Path:
        """Path of a unit's projected rows, one record batch per bucket."""
        return self.root / "buckets" / str(segment) / f"{unit:05d}.arrow"

    def beside(self, segment: int, unit: int) -> Path:
        """Path of what a unit's projection lays beside its rows."""
        return self.root / "buckets" / str(segment) / f"{unit:05d}.beside.arrow"

    def decisions(self, segment: int) -> Path:
        """Folder of the decisions of the Regroup after a segment."""
        return self.root / "decisions" / str(segment)

    def shard_done(self, file: str) -> Path:
        """Path of the mark that a shard is whole."""
        return self.root / "segments" / "shards" / f"{file}.done"

    def tidy(self, segments: int, units: int) -> None:
        """Remove what killed writers and earlier, longer recipes or inputs left behind."""
        for folder in (self.media, self.shards, *self.root.glob("*/*/")):
            sweep(folder)
        for path in [*self.root.glob("segments/*/*.*"), *self.root.glob("buckets/*/*.*")]:
            segment, unit = path.parent.name, path.name.partition(".")[0]
            if segment.isdigit() and (int(segment) > segments or int(unit) >= units):
                path.unlink()

    def lock(self) -> IO[str]:
        """Take the folder for this process; it is released when the process ends.

        Raises:
            StorageError: when another process runs in the folder, or it cannot be written.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            handle = (self.root / ".lock").open("w")
        except OSError as error:
            raise StorageError(
                f"cannot write to {self.root}: {error.strerror}; name another folder with --out"
            ) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            handle.close()
            raise StorageError(
                f"another quern run is at work in {self.root}; wait for it, end it, or name "
                f"another folder with --out"
            ) from error
        return handle


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON file whole."""
    text = json.dumps(content, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    write_bytes(path, text.encode())


def read_json(path: Path) -> dict[str, Any] | None:
    """Return the content of a JSON file, or None when it is not there or not whole."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def write_batches(path: Path, schema: pa.Schema, tables: list[pa.Table]) -> None:
    """Write an Arrow file with exactly one record batch per table."""
    empty = pa.RecordBatch.from_pylist([], schema=schema)
    with atomic(path) as file, pa.ipc.new_file(file, schema) as writer:
        for table in tables:
            for batch in table.combine_chunks().to_batches() or [empty]:
                writer.write_batch(batch)


def read_batch(path: Path, index: int) -> pa.Table:
    """Return one record batch of an Arrow file, mapped into memory."""
    with pa.memory_map(str(path)) as source:
        return pa.Table.from_batches([pa.ipc.open_file(source).get_batch(index)])


def unit_identity(unit: Unit) -> dict[str, Any]:
    """Return what tells whether a unit's input is still the same."""
    try:
        stat = os.stat(unit.path)
        size, changed = stat.st_size, stat.st_mtime_ns
    except OSError:
        size, changed = -1, -1
    return {
        "path": unit.path,
        "start": unit.start,
        "stop": unit.stop,
        "size_bytes": size,
        "mtime_ns": changed,
    }
