"""HTML to an article: metadata, and the ordered blocks of the main text with pictures in place.

The scorer of `container` decides; the few pages where it finds little text, or a small share of
what reads like text, are decided by trafilatura (Barbaresi 2021, ACL demo), which is slower.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from selectolax.lexbor import LexborHTMLParser

from stages.extraction.blocks import walk
from stages.extraction.cleaning import keep, text_size
from stages.extraction.container import Judgement, choose, judge
from stages.extraction.images import Image
from stages.extraction.metadata import Metadata, read_metadata
from stages.extraction.second_opinion import second_opinion
from stages.extraction.tree import HEADING, Piece, Tree

Kind = Literal[
    "heading", "paragraph", "item", "table", "code", "formula", "quote", "caption", "image"
]

TOO_LITTLE_TEXT: Final = 300
"""Size of main text below which the scorer is unsure."""
LITTLE_TEXT: Final = 600
"""Size of main text below which it must hold MOST of the page's good text."""
MOST: Final = 0.8
SMALL_SHARE: Final = 0.35
"""Share of the page's good text below which the scorer is unsure however much it found."""
NEXT_TO_NOTHING: Final = 80
"""Size of main text below which all text of the page is taken."""

MANY_TIMES: Final = 5
"""How much more text than the rest boilerplate must hold to be taken in its stead."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """One block of the main text.

    Attributes:
        kind: what it is.
        text: its text; Markdown rows for a table, TeX for a formula, verbatim for code, empty
            for an image.
        level: 1-6 for headings, nesting depth from 1 for items, else 0.
        image: the picture of an image block.
    """

    kind: Kind
    text: str
    level: int = 0
    image: Image | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Article:
    """What a page says, without what surrounds it.

    Attributes:
        title: title of the page without the site's name; empty when unknown, as all below.
        date: day of publication, ISO 8601.
        language: primary language subtag as the page declares it, `de`.
        site: name of the site, else its host.
        licence: address of a Creative Commons or other declared licence.
        blocks: the main text in document order.
    """

    title: str
    date: str
    language: str
    site: str
    licence: str
    blocks: tuple[Block, ...]


def article(html: str, *, url: str) -> Article:
    """Extract the main text of a page.

    Args:
        html: the page, decoded.
        url: its absolute address, to which relative addresses are joined.
    """
    try:
        parser = LexborHTMLParser(html)
    except UnicodeEncodeError:  # half a surrogate pair
        html = html.encode("utf-8", "replace").decode("utf-8")
        parser = LexborHTMLParser(html)
    metadata = read_metadata(parser, html=html, url=url)
    pieces = _main_text(parser, html, metadata.base)
    return _article(metadata, pieces)


def _main_text(parser: LexborHTMLParser, html: str, base: str) -> list[Piece]:
    root = parser.body or parser.root
    if root is None:
        return []
    tree = walk(root, base=base)
    judgement = judge(tree)
    kept = keep(tree, judgement, choose(tree, judgement)) if tree.pieces else []
    pieces = [tree.pieces[index] for index in kept]
    size = text_size(pieces)
    if _is_unsure(size, judgement.good[-1]):
        pieces = second_opinion(html, tree, judgement) or pieces
    if text_size(pieces) >= NEXT_TO_NOTHING:
        return pieces
    return _all_text(tree, judgement, walk(root, base=base, everything=True), pieces)


def _is_unsure(size: int, good: int) -> bool:
    """Tell whether a text of some size is likely not the main text of a page."""
    if size < TOO_LITTLE_TEXT or size < SMALL_SHARE * good:
        return True
    return size < LITTLE_TEXT and size < MOST * good


def _all_text(
    tree: Tree, judgement: Judgement, everything: Tree, found: list[Piece]
) -> list[Piece]:
    """Return the text of a short page that is neither links nor, if possible, boilerplate."""
    pairs = zip(tree.pieces, judgement.junk, strict=True)
    outside = [piece for piece, junk in pairs if not junk and 2 * piece.links <= piece.size]
    best = max(found, outside, key=text_size)
    plain = [piece for piece in everything.pieces if 2 * piece.links <= piece.size]
    if text_size(best) < NEXT_TO_NOTHING and text_size(plain) > MANY_TIMES * text_size(best):
        return plain
    return best or everything.pieces


def _article(metadata: Metadata, pieces: list[Piece]) -> Article:
    title = metadata.title
    if not title:
        title = next((piece.text for piece in pieces if piece.kind is HEADING), "")
    blocks = tuple(
        Block(kind=piece.kind, text=piece.text, level=piece.level, image=piece.image)  # type: ignore[arg-type]
        for piece in pieces
    )
    return Article(
        title=title,
        date=metadata.date,
        language=metadata.language,
        site=metadata.site,
        licence=metadata.licence,
        blocks=blocks,
    )
