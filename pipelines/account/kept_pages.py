"""Kept samples as a person reads them: texts in order, pictures in their place, cut to a size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from pipelines.account.figures import number
from pipelines.account.samples import Kept
from pipelines.account.thumbnails import Thumbnails
from pipelines.account.wording import counted, one_line, visible

MAX_CHARS: Final = 4_000
MAX_TEXT_CHARS: Final = 1_500
MAX_OTHERS: Final = 12  # pictures, videos, boxes, points
SIDE_PX: Final = 240


@dataclass(frozen=True, kw_only=True)
class Block:
    """A piece of a page.

    Attributes:
        kind: what it is; a note stands for what cannot be shown.
        text: the text, a caption, the role or the note.
        source: data: URI of a picture.
    """

    kind: Literal["role", "text", "picture", "note"]
    text: str
    source: str = ""


@dataclass(frozen=True, kw_only=True)
class Page:
    """A kept sample.

    Attributes:
        id: of the sample.
        uri: of the sample.
        kind: of the sample.
        tags: of the sample.
        facts: number of characters and pictures, tokens where known.
        scores: name and value.
        blocks: what it holds, in reading order.
    """

    id: str
    uri: str
    kind: str
    tags: tuple[str, ...]
    facts: str
    scores: tuple[tuple[str, str], ...]
    blocks: tuple[Block, ...]


def page_of(kept: Kept, thumbnails: Thumbnails) -> Page:
    """Return a kept row as a page."""
    row = kept.row
    texts = [part["text"] or "" for part in _parts(row) if part["type"] == "text"]
    pictures = sum(part["type"] == "image" for part in _parts(row))
    return Page(
        id=row["id"] or "",
        uri=one_line((row["source"] or {}).get("uri") or "", 500),
        kind=row["kind"] or "",
        tags=tuple(row["tags"] or ()),
        facts=f"{counted(sum(map(len, texts)), 'character')}, {counted(pictures, 'picture')}",
        scores=tuple(
            (name.removeprefix("score."), number(value)) for name, value in kept.scores.items()
        ),
        blocks=tuple(_blocks(kept, thumbnails)),
    )


def _parts(row: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [part for message in row["messages"] or [] for part in message["parts"] or []]


def _blocks(kept: Kept, thumbnails: Thumbnails) -> Iterator[Block]:
    """Yield the beginning of the text, and pictures in their place for as long as there are any."""
    chars = others = left_out = 0  # each block counts a character, so that empty ones end, too
    for message in kept.row["messages"] or []:
        if message["role"] != "document" and chars < MAX_CHARS:
            chars += 1
            yield Block(kind="role", text=one_line(message["role"]))
        for part in message["parts"] or []:
            if part["type"] == "text" and chars >= MAX_CHARS:
                left_out += len(part["text"] or "")
                continue
            if left_out:
                yield _omission(left_out)
                left_out = 0
            if others == MAX_OTHERS:
                yield Block(kind="note", text="… the rest is not shown here")
                return
            block = _block(part, kept, thumbnails)
            chars += len(block.text) + 1
            others += part["type"] != "text"
            yield block
    if left_out:
        yield _omission(left_out)


def _omission(chars: int) -> Block:
    return Block(kind="note", text=f"… {counted(chars, 'character')} not shown here …")


def _block(part: Mapping[str, Any], kept: Kept, thumbnails: Thumbnails) -> Block:
    if part["type"] == "text":
        return Block(kind="text", text=_cut(visible(part["text"] or "")))
    if part["type"] in ("box", "point"):
        return Block(kind="note", text=f"[{part['type']}] {one_line(part['text'] or '')}")
    media = kept.row["media"] or []
    medium = media[part["index"]] if 0 <= (part["index"] or 0) < len(media) else {}
    name = one_line(medium.get("alt") or medium.get("uri") or "", 160)
    picture = kept.pictures.get(part["index"] or 0) if part["type"] == "image" else None
    key = thumbnails.key(picture, SIDE_PX) if picture else ""
    if not key:
        return Block(kind="note", text=f"[{part['type']}] {name}")
    return Block(kind="picture", text=name, source=thumbnails.uris[key])


def _cut(text: str) -> str:
    """Return the text, or its beginning up to a word, and how much is left out."""
    if len(text) <= MAX_TEXT_CHARS:
        return text
    head = text[:MAX_TEXT_CHARS].rpartition(" ")[0] or text[:MAX_TEXT_CHARS]
    return f"{head} … ({len(text) - len(head):,} more characters)"
