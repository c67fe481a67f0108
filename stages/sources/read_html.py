"""Read web pages from a folder of .html and .htm files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from stages.record import PAYLOAD, content_id
from stages.sources.pages import CHUNK_BYTES, CHUNK_ROWS, page_table
from stages.sources.paths import InputFile, expand
from stages.stage import Chunk, Fault, Source, Unit

SUFFIXES = (".html", ".htm")


@dataclass(frozen=True, kw_only=True)
class ReadHtml(Source):
    """Reads one page per file; pictures are found later, as files of the same folder.

    Reads: files ending in .html or .htm, in folders to any depth.
    Writes: id; kind "interleaved"; source (dataset: the folder, uri: the page's file: URI);
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
        files = expand(self.paths, SUFFIXES)
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
        for file in expand(self.paths, SUFFIXES)[unit.start : unit.stop]:
            item = _read_page(file, self.max_page_mb << 20)
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


def _read_page(file: InputFile, max_bytes: int) -> dict[str, Any] | Fault:
    path = str(file.path)
    try:
        with file.path.open("rb") as stream:
            payload = stream.read(max_bytes + 1)
    except OSError as error:
        return Fault(path=path, offset=0, message=f"cannot be read: {error.strerror}")
    if len(payload) > max_bytes:
        message = f"the page is larger than max_page_mb, {max_bytes >> 20} MB"
        return Fault(path=path, offset=0, message=message)
    uri = file.path.absolute().as_uri()
    return {
        "id": content_id(uri, payload),
        "kind": "interleaved",
        "source": {"dataset": str(file.root.absolute()), "uri": uri},
        "meta": [("content_type", "text/html")],
        PAYLOAD: payload,
    }
