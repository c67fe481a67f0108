"""The state of a walk over a page: what has been read, and the block being gathered."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from selectolax.lexbor import LexborNode

from stages.extraction.captions import pair_captions
from stages.extraction.images import Attributes, Image
from stages.extraction.names import NOTHING, Names, classify, classify_role, merge
from stages.extraction.tree import (
    CODE,
    FORMULA,
    HEADING,
    IMAGE,
    ITEM,
    PARAGRAPH,
    Piece,
    Span,
    Tree,
    size_of,
)
from stages.extraction.vocabulary import (
    AD,
    FOOT,
    FORM,
    HIDDEN,
    META,
    NAV,
    NOTICE,
    RELATED,
    SHARE,
    SIDE,
)
from stages.extraction.vocabulary import CAPTION as CAPTION_HINT

_BREAK: Final = "\x01"  # stands for <br> while a block is being gathered
_INVISIBLE: Final = re.compile("[\xad\u200b\u2060\ufeff]+")
SMALL_JUNK: Final = 1500
"""Characters, whitespace included, up to which an element named as boilerplate is left unread."""
TINY_JUNK: Final = 300
"""Characters below which it is not even looked into for an article or a title."""
_NEVER_TEXT: Final = NAV | SIDE | FOOT | AD | SHARE | RELATED | META | FORM | NOTICE
_LIGHT: Final = -2  # on the stack of open elements: one that got no span


class Gatherer:
    """Collects text into pieces and elements into spans.

    Attributes:
        tree: what has been finished.
        base: absolute address that relative ones are joined to.
        everything: whether nothing is to be flagged or left out.
        in_link: how many links are open; likewise the other `in_` counters.
        row: number of the open table row, 0 outside tables; likewise `cell`.
        number: the last number given to a row or cell.
        sources: attributes of the `<source>`s of the open `<picture>`.
    """

    __slots__ = (
        "_breaks",
        "_in_junk",
        "_kinds",
        "_links",
        "_open",
        "_parts",
        "base",
        "cell",
        "everything",
        "figures",
        "in_link",
        "in_list",
        "in_long_noscript",
        "in_noscript",
        "in_pre",
        "kind",
        "level",
        "number",
        "open_span",
        "row",
        "sources",
        "tables",
        "tree",
    )

    def __init__(self, *, base: str, everything: bool) -> None:
        self.tree = Tree()
        self.base = base
        self.everything = everything
        self.kind, self.level = PARAGRAPH, 0
        self.in_link = self.in_list = self.in_pre = self.in_noscript = 0
        self.in_long_noscript = 0
        self.row = self.cell = self.number = 0
        self.open_span = -1
        self.figures: list[int] = []
        self.tables: list[tuple[int, int, int, int]] = []
        self.sources: list[Attributes] = []
        self._open: list[int] = []
        self._parts: list[str] = []
        self._kinds: list[tuple[str, int]] = []
        self._links = self._breaks = self._in_junk = 0

    def text(self, node: LexborNode) -> None:
        """Add a text node to the block being gathered."""
        text = node.text_content or ""
        parts = self._parts
        if self.in_pre:
            parts.append(text)
        elif text.isspace():
            if parts:
                parts.append(" ")
        elif not self.in_noscript:
            parts.append(text)
            self._breaks = 0
            if self.in_link:
                self._links += len(text.strip())

    def inline(self, text: str) -> None:
        """Add text that stands for an element inside the block being gathered."""
        self._parts.append(text)
        self._breaks = 0

    def line_break(self) -> None:
        """Add a line break; two in a row end the block."""
        if self.in_pre:
            self._parts.append("\n")
        elif self._breaks:
            self.flush()
        elif self._parts:
            self._parts.append(_BREAK)
            self._breaks = 1

    def flush(self) -> None:
        """End the block being gathered; inside code there is only one block, so it goes on."""
        if not self._parts or self.in_pre:
            return
        text = "".join(self._parts)
        self._parts.clear()
        if _BREAK in text:
            text = "\n".join(" ".join(line.split()) for line in text.split(_BREAK)).strip()
        else:
            text = " ".join(text.split())
        if text:
            self._add_text(text)
        self._links = self._breaks = 0

    def end_code(self) -> None:
        """End a block of code, its whitespace kept."""
        code = "".join(self._parts).strip("\n").rstrip()
        self._parts.clear()
        if any(not (char.isdigit() or char.isspace()) for char in code):
            self.add(Piece(kind=CODE, text=code, size=size_of(code)))

    def _add_text(self, text: str) -> None:
        links = self._links
        if text.isascii():
            size = len(text)
        else:
            text = _INVISIBLE.sub("", text)
            size = size_of(text)
            links = links * size // max(len(text), 1)
        if self.kind is HEADING:
            text = text.rstrip("¶").rstrip()
        if not text:
            return
        kind = self.kind
        self.tree.pieces.append(
            Piece(
                kind,
                text,
                size,
                links if links < size else size,
                self.level,
                None,
                self.open_span,
                self.row,
                self.cell,
            )
        )
        if kind is ITEM:  # what follows in the same item is its continuation
            self.kind, self.level = PARAGRAPH, 0

    def add(self, piece: Piece) -> None:
        """Append a piece at the place that the walk has come to."""
        piece.owner = self.open_span
        piece.row, piece.cell = self.row, self.cell
        self.tree.pieces.append(piece)

    def add_image(self, image: Image) -> None:
        """Append a picture, unless it repeats the one just before, as fallbacks do."""
        had_text = bool(self._parts)
        self.flush()
        pieces = self.tree.pieces
        last = pieces[-1].image if pieces and not had_text else None
        if last is not None and (last.uri == image.uri or self.in_noscript):
            return
        self.add(Piece(kind=IMAGE, text="", image=image))

    def add_formula(self, tex: str) -> None:
        """Append a formula that stands on a line of its own."""
        self.flush()
        self.add(Piece(kind=FORMULA, text=tex, size=len(tex)))

    def open(self, node: LexborNode, known: Names = NOTHING, *, light: bool = False) -> bool:
        """Open a span for an element; return False to leave it out with all its children.

        Args:
            node: the element.
            known: what its tag alone says.
            light: give it no span if it has no attributes; for elements that frame little.
        """
        if self._parts:
            self.flush()
        attributes = node.attributes
        if attributes:
            found, key = _names_of(attributes, known)
        elif light:
            self._open.append(_LIGHT)
            return True
        else:
            found, key = known, ""
        tier, junk, hints = found
        if junk:
            if self.everything:
                junk = 0
            elif junk & _NEVER_TEXT and not self._in_junk and self._is_small(node):
                return False
        tree = self.tree
        start = len(tree.pieces)
        self._open.append(self.open_span)
        self.open_span, parent = len(tree.spans), self.open_span
        if junk:
            self._in_junk += 1
        tree.spans.append(Span(parent, start, start, tier, junk, hints, (node.tag_id, key)))
        return True

    def _is_small(self, node: LexborNode) -> bool:
        """Tell whether an element named as boilerplate is too small to be anything else.

        Asked of the outermost of nested ones alone, so that each node is read once at most.
        """
        size = len(node.text_lexbor())
        if size > SMALL_JUNK:
            return False
        return size < TINY_JUNK or node.css_first("h1, article, [itemprop=articleBody]") is None

    def close(self) -> None:
        """Close the innermost element."""
        if self._parts:
            self.flush()
            if self.in_pre and not self._parts[-1].endswith("\n"):
                self._parts.append("\n")
        around = self._open.pop()
        if around == _LIGHT:
            return
        tree = self.tree
        span = tree.spans[self.open_span]
        span.stop = len(tree.pieces)
        if span.junk:
            self._in_junk -= 1
        if span.hints & CAPTION_HINT:
            pair_captions(tree.pieces, span.start, named=True)
        self.open_span = around

    def push(self, kind: str, level: int = 0) -> None:
        """Read what follows as the given kind until `pop`."""
        self._kinds.append((self.kind, self.level))
        self.kind, self.level = kind, level

    def pop(self) -> None:
        """Close the innermost span and go back to the kind before it."""
        self.close()
        self.kind, self.level = self._kinds.pop()


Leave = Callable[[Gatherer], None]


def _names_of(attributes: Attributes, known: Names) -> tuple[Names, str]:
    """Return what the attributes say, and the class, by which templates are compared."""
    get = attributes.get
    if len(attributes) == 1 and (names := get("class") or ""):
        found = classify(names)
        return (found if known is NOTHING else merge(found, known)), names
    names, identifier = get("class") or "", get("id")
    key = f"{names} {identifier}" if identifier else names
    found = classify(key) if key else NOTHING
    if known is not NOTHING:
        found = merge(found, known)
    role, item_property = get("role"), get("itemprop")
    if role or item_property:
        found = merge(found, classify_role(role, item_property))
    if is_hidden(attributes):
        found = merge(found, Names(0, HIDDEN, 0))
    return found, names


def is_hidden(attributes: Attributes) -> bool:
    """Tell whether an element says that it is not shown."""
    if "hidden" in attributes or attributes.get("aria-hidden") == "true":
        return True
    style = attributes.get("style")
    return style is not None and "display:none" in style.replace(" ", "").lower()
