"""HTML to an article: metadata, and the ordered blocks of the main text with pictures in place.

The scorer of `container` decides; the few pages where it finds little text, or a small share of
what reads like text, are decided by trafilatura (Barbaresi 2021, ACL demo), which is slower.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
from selectolax.lexbor import LexborHTMLParser

from stages.extraction.blocks import read_markup, walk
from stages.extraction.cleaning import keep, text_size
from stages.extraction.container import Judgement, choose, judge
from stages.extraction.gather import CONTINUES, IMAGE
from stages.extraction.images import Image
from stages.extraction.metadata import Metadata, read_metadata
from stages.extraction.second_opinion import second_opinion, with_data
from stages.extraction.tree import KIND_NAMES, Tree
from stages.extraction.trimming import trimmed

Kind = Literal[
    "heading", "paragraph", "item", "table", "code", "formula", "quote", "caption", "image"
]

TOO_LITTLE_TEXT: Final = 200
"""Size of main text below which the scorer is unsure."""
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
    less = trimmed(html.encode("utf-8", "replace"))  # "replace" for halves of surrogate pairs
    parser = LexborHTMLParser(less)
    metadata = read_metadata(parser, html=html, less=less, url=url)
    return _article(metadata, _main_text(parser, less, html, metadata))


def _main_text(parser: LexborHTMLParser, less: bytes, html: str, metadata: Metadata) -> list[Block]:
    markup = read_markup(parser, less)
    if markup is None:
        return []
    tree = walk(markup, base=metadata.base)
    judgement = judge(tree)
    kept: list[int] = []
    if len(tree.pieces):
        kept = keep(tree, judgement, choose(tree, judgement), title=metadata.title)
    size = text_size(tree, kept)
    if _is_unsure(size, int(judgement.good[-1])):
        opinion = second_opinion(with_data(less, html), tree, judgement)
        if opinion and isinstance(opinion[0], str):
            return [Block(kind="paragraph", text=str(line)) for line in opinion]
        kept = [int(index) for index in opinion] or kept
        size = text_size(tree, kept)
    if size >= NEXT_TO_NOTHING:
        return _blocks(tree, kept)
    return _all_text(tree, judgement, walk(markup, base=metadata.base, everything=True), kept)


def _is_unsure(size: int, good: int) -> bool:
    """Tell whether a text of some size is likely not the main text of a page."""
    return size < TOO_LITTLE_TEXT or size < SMALL_SHARE * good


def _all_text(tree: Tree, judgement: Judgement, everything: Tree, found: list[int]) -> list[Block]:
    """Return the text of a short page that is neither links nor, if possible, boilerplate."""
    outside = [index for index in _unlinked(tree) if not judgement.junk[index]]
    best = max(found, outside, key=lambda pieces: text_size(tree, pieces))
    plain = _unlinked(everything)
    size = text_size(tree, best)
    if size < NEXT_TO_NOTHING and text_size(everything, plain) > MANY_TIMES * size:
        return _blocks(everything, plain)
    return _blocks(tree, best) or _blocks(everything, list(range(len(everything.pieces))))


def _unlinked(tree: Tree) -> list[int]:
    """Return the pieces that are not mostly links."""
    mostly_text = 2 * tree.pieces["links"] <= tree.pieces["size"]
    return [int(index) for index in np.flatnonzero(mostly_text)]


def _blocks(tree: Tree, kept: list[int]) -> list[Block]:
    """Return pieces as blocks; text that only a picture parted that was none is joined again."""
    levels, flags = tree.pieces["level"].tolist(), tree.pieces["flags"].tolist()
    blocks: list[Block] = []
    for index in kept:
        kind = tree.kinds[index]
        if kind == IMAGE:
            image = tree.image_of(index)
            if image is not None:
                caption = tree.captions.get(index)
                shown = replace(image, caption=caption) if caption else image
                blocks.append(Block(kind="image", text="", image=shown))
        elif text := tree.text_of(index):
            if flags[index] & CONTINUES and blocks and blocks[-1].image is None:
                before = blocks.pop()
                blocks.append(replace(before, text=f"{before.text} {text}"))
            else:
                blocks.append(Block(kind=KIND_NAMES[kind], text=text, level=levels[index]))
    return blocks


def _article(metadata: Metadata, blocks: list[Block]) -> Article:
    title = metadata.title
    if not title:
        title = next((block.text for block in blocks if block.kind == "heading"), "")
    return Article(
        title=title,
        date=metadata.date,
        language=metadata.language,
        site=metadata.site,
        licence=metadata.licence,
        blocks=tuple(blocks),
    )
