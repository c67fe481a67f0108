"""What the walk over a page gives: pieces of content in order, and the ranges they form."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from stages.extraction.gather import IMAGE, IN_LINE, IN_NOSCRIPT
from stages.extraction.images import Attributes, Image, is_icon_address, read_image

Records = npt.NDArray[np.void]

KIND_NAMES: Final = (
    *("paragraph", "heading", "item", "table", "code", "formula", "quote", "caption", "image"),
)
"""Kinds of pieces, as numbered in `gather`."""

_ATTRIBUTE: Final = re.compile(r' ([^\s"]+)="([^"]*)"')
_REFERENCES: Final = (
    ("&quot;", '"'),
    ("&lt;", "<"),
    ("&gt;", ">"),
    ("&nbsp;", "\xa0"),
    ("&amp;", "&"),
)

_WIDE: Final = re.compile("[\u1100-\u11ff\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef]")
_LATIN_PER_WIDE: Final = 3
_FURTHEST: Final = 4  # pictures in a row that are looked at for one that is repeated


def size_of(text: str) -> int:
    """Return the length in Latin characters' worth; a Chinese, Japanese or Korean one is three.

    >>> size_of("abc"), size_of("中文")
    (3, 6)
    """
    if text.isascii():
        return len(text)
    return len(text) + (_LATIN_PER_WIDE - 1) * len(_WIDE.findall(text))


def _plain(value: str) -> str:
    """Resolve the five character references that lexbor writes."""
    if "&" in value:
        for reference, character in _REFERENCES:
            value = value.replace(reference, character)
    return value


@dataclass(frozen=True, kw_only=True, slots=True)
class Markup:
    """A page as lexbor writes it, and its tags.

    Attributes:
        data: the markup in UTF-8.
        tags: record[T] of dtype `records.TAG`, the first opens the body.
        said: int32[T], what the names of each say: bits of `gather` and `vocabulary`.
    """

    data: bytes
    tags: Records
    said: npt.NDArray[np.int32]

    def attributes(self, tag: int) -> Attributes:
        """Return the attributes of a tag by name."""
        at, end = int(self.tags[tag]["at"]), int(self.tags[tag]["end"])
        written = self.data[at:end].decode("utf-8", "replace")
        return {name: _plain(value) for name, value in _ATTRIBUTE.findall(written)}

    def names(self, tag: int) -> str:
        """Return the class of a tag as written."""
        record = self.tags[tag]
        return self.data[record["class_at"] : record["class_end"]].decode("utf-8", "replace")


class Tree:
    """All pieces and spans of a page; spans in document order, so parents come first.

    Attributes:
        markup: the page.
        base: absolute address that relative ones are joined to.
        text: UTF-8 that `at` and `end` of the pieces point into.
        pieces: record[P] of dtype `records.PIECE`.
        spans: record[S] of dtype `records.SPAN`.
        sources: int32[R], the tags of `<source>`s.
        tables: text of the pieces that are tables.
        captions: captions of the pieces that are pictures.
    """

    def __init__(
        self,
        *,
        markup: Markup,
        base: str,
        text: bytes,
        pieces: Records,
        spans: Records,
        sources: npt.NDArray[np.int32],
    ) -> None:
        self.markup, self.base, self.text = markup, base, text
        self.spans, self.sources = spans, sources
        self.tables: dict[int, str] = {}
        self.captions: dict[int, str] = {}
        self.set_pieces(pieces)

    def set_pieces(self, pieces: Records) -> None:
        """Replace the pieces; what is known of their columns is read again."""
        self.pieces = pieces
        self.kinds: list[int] = pieces["kind"].tolist()
        self.sizes: list[int] = pieces["size"].tolist()
        self._at: list[int] = pieces["at"].tolist()
        self._end: list[int] = pieces["end"].tolist()
        self._images: dict[int, Image | None] = {}

    def text_of(self, index: int) -> str:
        """Return the text of a piece."""
        if index in self.tables:
            return self.tables[index]
        return self.text[self._at[index] : self._end[index]].decode("utf-8", "replace")

    def image_of(self, index: int) -> Image | None:
        """Return the picture of an image piece, without its caption.

        None for a blank, an icon, a counter, and one that repeats the picture just before, as
        fallbacks do.
        """
        image = self._read_image(index)
        if image is None:
            return None
        before = index - 1
        while before >= max(0, index - _FURTHEST) and self.kinds[before] == IMAGE:
            last = self._read_image(before)
            if last is not None:
                in_noscript = self.pieces[index]["flags"] & IN_NOSCRIPT
                return None if in_noscript or last.uri == image.uri else image
            before -= 1
        return image

    def _read_image(self, index: int) -> Image | None:
        if index not in self._images:
            piece = self.pieces[index]
            first = int(piece["first"])
            tags = self.sources[first : first + int(piece["sources"])].tolist()
            image = read_image(
                self.markup.attributes(int(piece["tag"])),
                sources=[self.markup.attributes(tag) for tag in tags],
                base=self.base,
            )
            if image is not None and piece["flags"] & IN_LINE and is_icon_address(image.uri):
                image = None
            self._images[index] = image
        return self._images[index]
