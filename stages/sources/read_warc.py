"""Read web pages and their pictures from WARC files (.warc, .warc.gz, .warc.zst)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, ClassVar
from urllib.parse import urlsplit

import pyarrow as pa

from stages.input_paths import expand, size_of
from stages.places import AnyPath, at_once, is_remote
from stages.record import PAYLOAD, content_id
from stages.sources.http_body import Response
from stages.sources.pages import CHUNK_BYTES, CHUNK_ROWS, page_table
from stages.sources.warc import Record, layout_of, read_records
from stages.stage import ASSETS, Chunk, Fault, Source, Unit

SUFFIXES = (".warc", ".warc.gz", ".warc.zst")

ENOUGH_UNITS = 32

_HTML = frozenset({"text/html", "application/xhtml+xml"})
_UNTYPED = frozenset({"", "application/octet-stream", "binary/octet-stream"})
_PICTURE_ENDINGS = frozenset(
    {".jpg", ".jpeg", ".png", ".gif", ".webp", ".avif", ".bmp", ".tif", ".tiff", ".svg"}
)
_META = {
    "content-type": "content_type",
    "content-language": "content_language",
    "date": "http_date",
    "last-modified": "last_modified",
    "x-robots-tag": "x_robots_tag",
}


@dataclass(frozen=True, kw_only=True)
class ReadWarc(Source):
    """Reads pages and the places of pictures from WARC files.

    A response (or resource) record with HTTP status 200 and an HTML content type is a page.
    One with a picture or video, or with no telling type, is an asset, found again by its URL;
    so is every response with another status, so that a picture that the crawler did not get
    can say why. Other records are passed over. Transfer and content encodings are undone.

    Reads: WARC 1.0 and 1.1 files. A .gz file of one member per record is cut into units, other
        files are a unit each. Damage is a Fault, and reading goes on at the next .gz member. So
        is a file without any record.
    Writes: id; kind "interleaved"; source (dataset: the file, uri, offset: bytes into the
        file, or into what it inflates to when .gz members hold several records); payload
        large_binary, the page's bytes; meta (content_type, http_status, warc_date, and where
        sent http_date, last_modified, content_language, x_robots_tag).
    Source: ISO 28500:2017 (WARC 1.1), annexes C and D.

    Attributes:
        unit_mb: compressed MB read as one unit; of less than a GB of input less, but not less
            than 8, so that there is work for every worker.
        max_page_mb: a larger page is a Fault, MB.
    """

    writes: ClassVar = ("id", "kind", "source", "meta", PAYLOAD)
    source: ClassVar = "ISO 28500:2017 (WARC 1.1), annexes C and D"

    unit_mb: int = 32
    max_page_mb: int = 16

    def __post_init__(self) -> None:
        for name in ("unit_mb", "max_page_mb"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1 MB, got {getattr(self, name)}")

    def units(self) -> list[Unit]:
        """Return byte ranges of about `unit_mb`; see `Source.units`."""
        files = expand(self.paths, SUFFIXES)
        remote = any(is_remote(file.path) for file in files)
        sizes = list(at_once(lambda file: size_of(file.path), files, remote=remote))
        step = min(self.unit_mb << 20, _step(sum(sizes)))
        cut = at_once(lambda file: _ranges(file.path, step), files, remote=remote)
        ranges = [
            (str(file.path), start, stop)
            for file, pieces in zip(files, cut, strict=True)
            for start, stop in pieces
        ]
        return [
            Unit(index=index, path=path, start=start, stop=stop)
            for index, (path, start, stop) in enumerate(ranges)
        ]

    def read(self, unit: Unit) -> Iterator[Chunk]:
        """Yield the unit's pages and assets, at most 256 pages or about 32 MB at a time."""
        max_bytes = self.max_page_mb << 20
        draft = _Draft()
        records = read_records(
            unit.path, start=unit.start, stop=unit.stop, max_bytes=max_bytes + (64 << 10)
        )
        for item in records:
            if isinstance(item, Fault):
                draft.faults.append(item)
            else:
                _sort(item, unit.path, max_bytes, draft)
            if draft.is_full:
                yield draft.chunk()
                draft = _Draft()
        if not draft.is_empty:
            yield draft.chunk()


def _step(total: int) -> int:
    """Return bytes of a unit: a power of two, so that input that is added seldom changes it."""
    return max(8 << 20, 1 << (total // ENOUGH_UNITS).bit_length())


def _ranges(path: AnyPath, step: int) -> list[tuple[int, int]]:
    size = size_of(path)
    if size <= step or layout_of(str(path)) != "members":
        return [(0, size)]
    return [(start, min(start + step, size)) for start in range(0, size, step)]


@dataclass(kw_only=True)
class _Draft:
    """A chunk being filled."""

    pages: list[dict[str, Any]] = field(default_factory=list)
    assets: list[dict[str, Any]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    bytes: int = 0

    @property
    def is_empty(self) -> bool:
        return not (self.pages or self.assets or self.faults)

    @property
    def is_full(self) -> bool:
        return len(self.pages) >= CHUNK_ROWS or self.bytes >= CHUNK_BYTES

    def chunk(self) -> Chunk:
        assets = pa.Table.from_pylist(self.assets, schema=ASSETS) if self.assets else None
        return Chunk(rows=page_table(self.pages), assets=assets, faults=tuple(self.faults))


def _sort(record: Record, path: str, max_bytes: int, draft: _Draft) -> None:
    """Put a record where it belongs: pages, assets, faults or nowhere."""
    if record.type not in ("response", "resource") or not record.uri:
        return
    response = record.response()
    if response is None:
        if record.content_type.lower().startswith("application/http"):
            message = f"response for {record.uri} has no HTTP status line"
            draft.faults.append(Fault(path=path, offset=record.offset, message=message))
        return
    mime = mime_of(response.headers.get("content-type", ""))
    is_page = response.status == 200 and mime in _HTML
    if _is_asset(response, mime, record.uri):
        draft.assets.append(_asset(record, path, response, mime))
    if is_page:
        _add_page(record, response, path, max_bytes, draft)


def mime_of(content_type: str) -> str:
    """Return the lower-case type without its parameters.

    >>> mime_of("Text/HTML; charset=utf-8")
    'text/html'
    """
    return content_type.partition(";")[0].strip().lower()


def _is_asset(response: Response, mime: str, uri: str) -> bool:
    if response.status != 200 or mime in _UNTYPED or mime.startswith(("image/", "video/")):
        return True
    # A page at a picture's address is an error page of the site; fetching it says so.
    return PurePosixPath(_url_path(uri)).suffix.lower() in _PICTURE_ENDINGS


def _url_path(uri: str) -> str:
    try:
        return urlsplit(uri).path
    except ValueError:  # an unclosed [ in the host
        return ""


def _asset(record: Record, path: str, response: Response, mime: str) -> dict[str, Any]:
    status = "ok" if response.status == 200 else f"http {response.status}"
    return {
        "uri": record.uri,
        "path": path,
        "offset": record.offset,
        "mime": mime or None,
        "status": status,
    }


def _add_page(record: Record, response: Response, path: str, max_bytes: int, draft: _Draft) -> None:
    payload = b"" if record.is_cut else response.body(max_bytes)
    if record.is_cut or len(payload) > max_bytes:
        message = f"page {record.uri} is larger than max_page_mb, {max_bytes >> 20} MB"
        draft.faults.append(Fault(path=path, offset=record.offset, message=message))
        return
    record_id = record.headers.get("warc-record-id", "")
    name = PurePosixPath(path).name
    draft.pages.append(
        {
            "id": content_id(record.uri, name, str(record.offset), record_id, payload),
            "kind": "interleaved",
            "source": {"dataset": path, "uri": record.uri, "offset": record.offset},
            "meta": _meta(record, response),
            PAYLOAD: payload,
        }
    )
    draft.bytes += len(payload)


def _meta(record: Record, response: Response) -> list[tuple[str, str]]:
    sent = [
        (name, response.headers[header])
        for header, name in _META.items()
        if header in response.headers
    ]
    crawled = record.headers.get("warc-date")
    own = [("http_status", str(response.status))]
    return [*sent, *own, *([("warc_date", crawled)] if crawled else [])]
