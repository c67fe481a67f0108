"""What the walk over a page gives: pieces of content in order, and the ranges they form."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from stages.extraction.images import Image

HEADING: Final = "heading"
PARAGRAPH: Final = "paragraph"
ITEM: Final = "item"
TABLE: Final = "table"
CODE: Final = "code"
FORMULA: Final = "formula"
QUOTE: Final = "quote"
CAPTION: Final = "caption"
IMAGE: Final = "image"

_WIDE: Final = re.compile("[\u1100-\u11ff\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef]")
_LATIN_PER_WIDE: Final = 3


@dataclass(slots=True)
class Piece:
    """One block on its way: a heading, a paragraph, a picture, ...

    Attributes:
        kind: as in `article.Block`.
        text: its text; whitespace collapsed save in code.
        size: length of the text in Latin characters' worth.
        links: how much of the size lies inside links.
        level: 1-6 for headings, nesting depth for items, else 0.
        image: the picture of an image piece.
        owner: index of the innermost span around it.
        row: running number of the table row it lies in, 0 outside tables.
        cell: running number of the table cell.
    """

    kind: str
    text: str
    size: int = 0
    links: int = 0
    level: int = 0
    image: Image | None = None
    owner: int = 0
    row: int = 0
    cell: int = 0


@dataclass(slots=True)
class Span:
    """An element, as the half-open range of the pieces inside it.

    Attributes:
        parent: index of the span around it, -1 for the root.
        start: first piece.
        stop: one past the last piece.
        tier: see `names.Names`.
        junk: see `names.Names`.
        hints: see `names.Names`.
        key: tag and names, equal for elements made by one template.
    """

    parent: int
    start: int
    stop: int
    tier: int
    junk: int
    hints: int
    key: tuple[int, str]


@dataclass(kw_only=True, slots=True)
class Tree:
    """All pieces and spans of a page; spans in document order, so parents come first."""

    pieces: list[Piece] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    steps: int = 0  # nodes visited: what the time of the walk grows with


def size_of(text: str) -> int:
    """Return the length in Latin characters' worth; a Chinese, Japanese or Korean one is three.

    >>> size_of("abc"), size_of("中文")
    (3, 6)
    """
    if text.isascii():
        return len(text)
    return len(text) + (_LATIN_PER_WIDE - 1) * len(_WIDE.findall(text))
