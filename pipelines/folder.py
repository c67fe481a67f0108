"""The run folder: where everything of a run lies, and how files appear in it whole.

run.json recipe.yaml                  what ran
segments/1/00012.kept.parquet         .rejected .quarantine .assets; .done commits the unit
buckets/1/00012.arrow .beside .sample what the Regroup after segment 1 takes from a unit
decisions/1/00003.arrow               its decisions, one record batch per unit
media/                                packs
shards/ card/ report.html             what is handed on
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipelines.lock import locked
from pipelines.spent import FILES, spending
from stages.files import atomic, sweep, write_bytes
from stages.input_paths import input_info
from stages.places import (
    AnyPath,
    at_once,
    is_remote,
    names_in,
    open_ranged,
    place,
    reached,
    read_bytes,
    remove,
)
from stages.stage import Unit


@dataclass(frozen=True, kw_only=True)
class RunFolder:
    """Paths in a run folder.

    Attributes:
        root: the folder.
    """

    root: AnyPath

    @property
    def is_remote(self) -> bool:
        """Whether the folder lies on object storage."""
        return is_remote(self.root)

    @property
    def media(self) -> AnyPath:
        """Folder of the media packs."""
        return self.root / "media"

    @property
    def shards(self) -> AnyPath:
        """Folder of the finished shards."""
        return self.root / "shards"

    def segment(self, segment: int) -> AnyPath:
        """Folder of a segment's units."""
        return self.root / "segments" / str(segment)

    def unit_file(self, segment: int, unit: int, what: str) -> AnyPath:
        """Path of `kept.parquet`, `rejected.parquet`, ..., `done` of a unit."""
        return self.segment(segment) / f"{unit:05d}.{what}"

    def bucket_rows(self, segment: int, unit: int) -> AnyPath:
        """Path of a unit's projected rows, one record batch per bucket."""
        return self.root / "buckets" / str(segment) / f"{unit:05d}.arrow"

    def beside(self, segment: int, unit: int) -> AnyPath:
        """Path of what a unit's projection lays beside its rows."""
        return self.root / "buckets" / str(segment) / f"{unit:05d}.beside.arrow"

    def bucket_sample(self, segment: int, unit: int) -> AnyPath:
        """Path of what a Regroup that fits may look at of a unit."""
        return self.root / "buckets" / str(segment) / f"{unit:05d}.sample.arrow"

    def decisions(self, segment: int) -> AnyPath:
        """Folder of the decisions of the Regroup after a segment."""
        return self.root / "decisions" / str(segment)

    @property
    def retried(self) -> AnyPath:
        """Path of the counts of `quern run --retry-failed`, by step."""
        return self.root / "decisions" / "retried.json"

    def shard_done(self, file: str) -> AnyPath:
        """Path of the mark that a shard is whole."""
        return self.root / "segments" / "shards" / f"{file}.done"

    def sweep(self) -> None:
        """Remove what killed writers left behind; call it while nobody writes.

        Raises:
            StorageError: when the folder cannot be reached.
        """
        if self.is_remote:  # where nothing appears before it is whole
            return
        with reached(self.root):
            for folder in (self.media, self.shards, *self.root.glob("*/*/")):
                sweep(folder)

    def tidy(self, segments: int, units: int) -> None:
        """Remove what killed writers and earlier, longer recipes or inputs left behind.

        Raises:
            StorageError: when the folder cannot be reached.
        """
        self.sweep()
        with reached(self.root):
            files = [*self.root.glob("segments/*/*.*"), *self.root.glob("buckets/*/*.*")]
        stale = []
        for path in files:
            segment, unit = path.parent.name, path.name.partition(".")[0]
            if segment.isdigit() and (int(segment) > segments or int(unit) >= units):
                stale.append(path)
        remove(stale)

    def reports(self, segment: int, units: int) -> list[dict[str, Any] | None]:
        """Return what the `.done` of each unit says, None where the unit is not done.

        A unit whose kept rows are missing is not done. Costs one listing and a read per unit
        that is done, many of them at once when the folder is remote.
        """
        names = names_in(self.segment(segment))
        there = [{f"{unit:05d}.done", f"{unit:05d}.kept.parquet"} <= names for unit in range(units)]
        paths = [self.unit_file(segment, unit, "done") for unit in range(units) if there[unit]]
        found = at_once(read_json, paths, remote=self.is_remote)
        return [next(found) if whole else None for whole in there]

    def lock(self) -> AbstractContextManager[None]:
        """Hold the folder for this process while the context lasts.

        Raises:
            StorageError: when another process runs in the folder, or it cannot be written.
        """
        return locked(self.root)


def folder_at(text: str | AnyPath) -> RunFolder:
    """Return the run folder at a local path or a URI such as s3://bucket/runs/web.

    Raises:
        StorageError: when a package for that kind of storage is missing.
    """
    root = place(text)
    return RunFolder(root=root.absolute() if isinstance(root, Path) else root)


def write_json(path: AnyPath, content: Mapping[str, Any], *, settled: bool = True) -> None:
    """Write a JSON file whole; `settled` as in `atomic`."""
    text = json.dumps(content, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    write_bytes(path, text.encode(), settled=settled)


def read_json(path: AnyPath) -> dict[str, Any] | None:
    """Return the content of a JSON file, or None when it is not there or not whole.

    Raises:
        StorageError: when object storage cannot be reached.
    """
    try:
        content = json.loads(read_bytes(path))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def write_batches(
    path: AnyPath, schema: pa.Schema, tables: list[pa.Table], *, settled: bool = True
) -> None:
    """Write an Arrow file with exactly one record batch per table; `settled` as in `atomic`."""
    empty = pa.RecordBatch.from_pylist([], schema=schema)
    with (
        spending(FILES),
        atomic(path, settled=settled) as file,
        pa.ipc.new_file(file, schema) as writer,
    ):
        for table in tables:
            for batch in table.combine_chunks().to_batches() or [empty]:
                writer.write_batch(batch)


def read_batch(path: AnyPath, index: int) -> pa.Table:
    """Return one record batch of an Arrow file: mapped into memory, or that much of it fetched.

    Raises:
        StorageError: when object storage cannot be reached.
    """
    if isinstance(path, Path):
        with spending(FILES), pa.memory_map(str(path)) as source:
            return pa.Table.from_batches([pa.ipc.open_file(source).get_batch(index)])
    with spending(FILES), reached(path), open_ranged(path) as file:
        return pa.Table.from_batches([pa.ipc.open_file(file).get_batch(index)])


def read_batches(paths: Sequence[AnyPath], index: int) -> list[pa.Table]:
    """Return the record batch at an index of each of several Arrow files of one folder."""
    remote = bool(paths) and is_remote(paths[0])
    return list(at_once(lambda path: read_batch(path, index), paths, remote=remote))


def unit_identity(unit: Unit) -> dict[str, Any]:
    """Return what tells whether a unit's input is still the same: size and mtime or ETag."""
    where = place(unit.path)
    if not isinstance(where, Path):
        known = input_info(unit.path)
        told: dict[str, Any] = {"size_bytes": known.size_bytes, "version": known.version}
    else:
        try:
            stat = where.stat()
            told = {"size_bytes": stat.st_size, "mtime_ns": stat.st_mtime_ns}
        except OSError:
            told = {"size_bytes": -1, "mtime_ns": -1}
    return {"path": unit.path, "start": unit.start, "stop": unit.stop, **told}
