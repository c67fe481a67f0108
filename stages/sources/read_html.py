"""Read web pages from a folder of .html and .htm files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

from stages.input_paths import InputFile, expand
from stages.places import at_once, is_remote, read_bytes
from stages.record import PAYLOAD, content_id
from stages.sources.pages import CHUNK_BYTES, CHUNK_ROWS, page_table
from stages.stage import Chunk, Fault, Source, Unit

SUFFIXES = (".html", ".htm")


@dataclass(frozen=True, kw_only=True)
class ReadHtml(Source):
    """Reads one page per file; pictures are found later, as files of the same folder.

    Reads: files ending in .html or .htm, in folders to any depth.
    Writes: id; kind "interleaved"; source (dataset: the folder, uri: the page's file: or s3: URI);
        payload large_binary, the file's bytes; meta (content_type).
    Source: Quern.

    Attributes:
        unit_files: files read as one unit.
        max_page_mb: a larger page is a Fault, MB.
    """

    writes: ClassVar = ("id", "kind", "source", "meta", PAYLOAD)
    source: ClassVar = "Quern"

    unit_files: int = 512
    max_page_mb: int = 16

    def __post_init__(self) -> None:
        for name in ("unit_files", "max_page_mb"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")

    def units(self) -> list[Unit]:
        """Return ranges of `unit_files` files of the whole list; see `Source.units`."""
        _files.cache_clear()
        files = _files(self.paths)
        return [
            Unit(
                index=index,
                path=str(files[start].path),
                start=start,
                stop=min(start + self.unit_files, len(files)),
            )
            for index, start in enumerate(range(0, len(files), self.unit_files))
        ]

    def read(self, unit: Unit) -> Iterator[Chunk]:
        """Yield the unit's pages, at most 256 or about 32 MB at a time."""
        rows: list[dict[str, Any]] = []
        faults: list[Fault] = []
        size = 0
        files = _files(self.paths)[unit.start : unit.stop]
        remote = bool(files) and is_remote(files[0].path)
        max_bytes = self.max_page_mb << 20
        for item in at_once(lambda file: _read_page(file, max_bytes), files, remote=remote):
            if isinstance(item, Fault):
                faults.append(item)
            else:
                rows.append(item)
                size += len(item[PAYLOAD])
            if len(rows) >= CHUNK_ROWS or size >= CHUNK_BYTES:
                yield Chunk(rows=page_table(rows), faults=tuple(faults))
                rows, faults, size = [], [], 0
        if rows or faults:
            yield Chunk(rows=page_table(rows), faults=tuple(faults))


@lru_cache(maxsize=4)
def _files(paths: tuple[str, ...]) -> list[InputFile]:
    """Return the files of a source; a process that reads many units lists them once."""
    return expand(paths, SUFFIXES)


def _read_page(file: InputFile, max_bytes: int) -> dict[str, Any] | Fault:
    path = str(file.path)
    try:
        payload = read_bytes(file.path, 0, max_bytes + 1)
    except OSError as error:
        return Fault(path=path, offset=0, message=f"cannot be read: {error.strerror or error}")
    if len(payload) > max_bytes:
        message = f"the page is larger than max_page_mb, {max_bytes >> 20} MB"
        return Fault(path=path, offset=0, message=message)
    local = isinstance(file.path, Path)
    uri = file.path.absolute().as_uri() if local else path
    folder = str(file.root.absolute() if local else file.root)
    return {
        "id": content_id(uri, payload),
        "kind": "interleaved",
        "source": {"dataset": folder, "uri": uri},
        "meta": [("content_type", "text/html")],
        PAYLOAD: payload,
    }
