"""Turn a web page into an interleaved document: main text, with pictures in their places."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import pyarrow as pa

from stages.elements import set_column
from stages.extraction.document import Document, Page, failed
from stages.record import PAYLOAD, SCHEMA, document
from stages.sandbox import Failure, Sandbox
from stages.stage import Batch, Stage, StageFn

STATUS = "extract_status"
DETAIL = "extract_detail"
_FUNCTION = "stages.extraction.document:read_page"
_PREPARE = "stages.extraction.document:warm_up"


@dataclass(frozen=True, kw_only=True)
class ExtractPage(Stage):
    """Extracts the main content of each page in a child process under limits.

    Headings, paragraphs, list items, tables, code, formulas, quotations and captions become text
    parts in light Markdown, pictures image parts where they stand; navigation, advertisements,
    comments and share bars are left out. A row without bytes stays as it is.

    Reads: payload, the page's bytes; source.uri; meta (content_type).
    Writes: messages, one of role document; media (uri, alt, title, caption); meta: title, date
        (ISO 8601), language, site and licence where the page tells them (the licence also goes
        to source.licence), and extract_status:
        "ok", "empty", "too_large", "timeout", "died" or "error" (the latter three with
        extract_detail). The payload is dropped.
    Source: Quern; where it is unsure, Barbaresi 2021, ACL-IJCNLP demo, pp. 122-131 (trafilatura).

    Attributes:
        timeout_s: time for one page, seconds.
        max_page_bytes: a larger page is not read, bytes.
        memory_bytes: address space of the child process, bytes.
    """

    reads: ClassVar = (PAYLOAD, "source", "meta")
    writes: ClassVar = ("messages", "media", "meta", "source")
    source: ClassVar = "Quern; Barbaresi 2021, doi:10.18653/v1/2021.acl-demo.15"

    timeout_s: float = 20.0
    max_page_bytes: int = 20_000_000
    memory_bytes: int = 3_000_000_000

    def __post_init__(self) -> None:
        for name in ("timeout_s", "max_page_bytes", "memory_bytes"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")

    def build(self) -> StageFn:
        """Return the function that extracts the pages of a batch; the child starts with it."""
        sandbox = Sandbox(
            _FUNCTION,
            timeout_s=self.timeout_s,
            memory_bytes=self.memory_bytes,
            prepare=_PREPARE,
        )

        def extract(batch: Batch) -> Batch:
            pages = _pages(batch.table)
            small = [p for p in pages if p is not None and len(p.raw) <= self.max_page_bytes]
            answers = sandbox.map(small)
            found = [self._document(page, answers) for page in pages]
            return batch.with_table(_write(batch.table, found))

        return extract

    def _document(self, page: Page | None, answers: Iterator[Any]) -> Document | None:
        if page is None:
            return None
        if len(page.raw) > self.max_page_bytes:
            return failed("too_large")
        answer = next(answers)
        if isinstance(answer, Failure):
            return failed(answer.kind)._replace(meta=[(DETAIL, answer.detail)])
        assert isinstance(answer, Document)
        return answer


def _pages(table: pa.Table) -> list[Page | None]:
    columns = (table.column(PAYLOAD), table.column("source"), table.column("meta"))
    return [
        None if raw is None else Page(raw, dict(meta or []).get("content_type", ""), _uri(source))
        for raw, source, meta in zip(*(column.to_pylist() for column in columns), strict=True)
    ]


def _uri(source: dict[str, Any] | None) -> str:
    return (source or {}).get("uri") or ""


def _write(table: pa.Table, found: list[Document | None]) -> pa.Table:
    """Return the table with the documents in place of the pages."""
    names = ("messages", "media", "meta", "source")
    messages, media, metas, sources = (table.column(name).to_pylist() for name in names)
    for row, extracted in enumerate(found):
        if extracted is not None:
            messages[row] = document(extracted.parts)
            media[row] = extracted.media
            new = [*extracted.meta, (STATUS, extracted.status)]
            said = dict(new)
            metas[row] = [*(pair for pair in metas[row] or [] if pair[0] not in said), *new]
            sources[row] = {**(sources[row] or {}), "licence": said.get("licence")}
    for name, values in zip(names, (messages, media, metas, sources), strict=True):
        table = set_column(table, name, pa.array(values, SCHEMA.field(name).type))
    return table.drop_columns([PAYLOAD])
