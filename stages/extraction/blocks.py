"""Read a parsed page once: its tags, what their names say, its pieces in document order.

lexbor writes the page it has parsed, and three compiled passes read that: `markup` finds the
tags, `gather` the pieces and elements, `writing` the texts. Here is what goes before and between
them: formulas become text, and names of elements are classified that were not seen before.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from selectolax.lexbor import LexborHTMLParser, LexborNode

from stages.extraction import gather, records, writing
from stages.extraction.captions import pair_captions
from stages.extraction.formulas import tex_of_math, tex_of_script
from stages.extraction.kinds import FORMULA_BOX, KINDS
from stages.extraction.markup import scan
from stages.extraction.names import what_names_say
from stages.extraction.tables import settle_tables
from stages.extraction.tree import Markup, Tree
from stages.extraction.vocabulary import AD, FOOT, FORM, META, NAV, NOTICE, RELATED, SHARE, SIDE

_NEVER_TEXT: Final = NAV | SIDE | FOOT | AD | SHARE | RELATED | META | FORM | NOTICE


def read_markup(parser: LexborHTMLParser, html: bytes) -> Markup | None:
    """Return the markup of a parsed page, with TeX in the place of each formula."""
    if b"math" in html or b"MATH" in html:
        _put_formulas(parser)
    root = parser.body or parser.root
    data = (root.html or "").encode("utf-8", "replace") if root is not None else b""
    room = data.count(b"<")
    if not room:
        return None
    tags = np.empty(room, records.TAG)
    codes = np.frombuffer(data, np.uint8)
    count = scan(
        codes,
        *(KINDS.keys, KINDS.numbers, KINDS.reads, KINDS.traits),
        *(tags, np.empty(room, np.int32)),
    )
    return Markup(data=data, tags=tags[:count], said=what_names_say(codes, tags[:count]))


def walk(markup: Markup, *, base: str, everything: bool = False) -> Tree:
    """Return the pieces and spans of a page.

    Args:
        markup: the page.
        base: absolute address that relative ones are joined to.
        everything: also read navigation, and flag nothing as junk; for pages that would
            come out empty otherwise.
    """
    tags, count = markup.tags, len(markup.tags)
    pieces, spans = np.empty(2 * count + 1, records.PIECE), np.empty(count, records.SPAN)
    segments, notes = np.empty(2 * count + 1, records.SEGMENT), np.empty(2 * count, records.NOTE)
    sources, saved = np.empty(count, np.int32), np.empty((count, gather.SAVED), np.int32)
    books = np.zeros(1, records.BOOKS)
    books[0]["everything"] = everything
    actions = KINDS.actions_in_need if everything else KINDS.actions
    room = (saved, pieces, spans, segments, notes, sources)
    gather.gather(tags, markup.said, actions, books[0], _NEVER_TEXT, room)
    done = books[0]
    pieces, spans, notes = pieces[: done["pieces"]], spans[: done["spans"]], notes[: done["notes"]]
    codes = np.frombuffer(markup.data, np.uint8)
    text = np.empty(len(codes) + len(pieces), np.uint8)
    written = writing.write(codes, segments, pieces, text)
    tree = Tree(
        markup=markup,
        base=base,
        text=text[:written].tobytes(),
        pieces=pieces,
        spans=spans,
        sources=sources,
    )
    if len(notes):
        pair_captions(tree, notes)
        settle_tables(tree, notes)
    return tree


def _put_formulas(parser: LexborHTMLParser) -> None:
    for node in parser.css("math"):
        _put_tex(parser, node, *tex_of_math(node))
    for node in parser.css("script"):
        _put_tex(parser, node, *tex_of_script(node))


def _put_tex(parser: LexborHTMLParser, node: LexborNode, tex: str, stands_alone: bool) -> None:
    if not tex:
        node.decompose()
    elif stands_alone:
        box = parser.create_node(FORMULA_BOX)
        box.insert_child(tex)
        node.replace_with(box)
    else:
        node.replace_with(f"${tex}$")
