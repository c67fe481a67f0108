"""Read a parsed page once: its tags, what their names say, its pieces in document order.

lexbor writes the page it has parsed, and three compiled passes read that: `markup` finds the
tags, `gather` the pieces and elements, `writing` the texts. Here is what goes before and between
them: formulas become text, and names of elements are classified that were not seen before.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from selectolax.lexbor import LexborHTMLParser, LexborNode

from stages.extraction import gather, naming, records, writing
from stages.extraction.captions import pair_captions
from stages.extraction.formulas import tex_of_math, tex_of_script
from stages.extraction.kinds import FORMULA_BOX, KINDS
from stages.extraction.markup import READ_BOX, READ_PICTURE, scan
from stages.extraction.names import (
    WORDS,
    said_by_role,
    said_inline,
    said_of_picture,
)
from stages.extraction.tables import settle_tables
from stages.extraction.tree import Markup, Records, Tree
from stages.extraction.vocabulary import AD, FOOT, FORM, META, NAV, NOTICE, RELATED, SHARE, SIDE

_NEVER_TEXT: Final = NAV | SIDE | FOOT | AD | SHARE | RELATED | META | FORM | NOTICE
_MEMO_SIZE: Final = 1 << 17  # a crawl's pages share templates; about 20 MB when full

_said: dict[int, int] = {}


def read_markup(parser: LexborHTMLParser) -> Markup | None:
    """Return the markup of a parsed page; what is never text is taken out of the page."""
    _take_out(parser)
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
    return Markup(data=data, tags=tags[:count], said=_what_names_say(data, tags[:count]))


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


def _take_out(parser: LexborHTMLParser) -> None:
    """Put TeX in the place of each formula, and take out scripts, styles and drawings."""
    for node in parser.css("math"):
        _put_tex(parser, node, *tex_of_math(node))
    for node in parser.css("script"):
        _put_tex(parser, node, *tex_of_script(node))
    parser.strip_tags(["style", "svg"])


def _put_tex(parser: LexborHTMLParser, node: LexborNode, tex: str, stands_alone: bool) -> None:
    if not tex:
        node.decompose()
    elif stands_alone:
        box = parser.create_node(FORMULA_BOX)
        box.insert_child(tex)
        node.replace_with(box)
    else:
        node.replace_with(f"${tex}$")


def _what_names_say(data: bytes, tags: Records) -> npt.NDArray[np.int32]:
    """Return int32[T], what the names, role and itemprop of each tag say."""
    said = np.zeros(len(tags), np.int32)
    named = np.flatnonzero(tags["names"])
    reads = KINDS.reads[tags["tag"][named]]
    boxes = named[reads == READ_BOX]
    naming.classify_tags(np.frombuffer(data, np.uint8), tags, boxes, *WORDS, said)
    others = named[reads != READ_BOX]
    if len(others):
        said[others] = _of_phrases(data, tags[others])
    for tag in np.flatnonzero(tags["role"] | tags["property"]).tolist():
        role = said_by_role(int(tags[tag]["role"]), int(tags[tag]["property"]))
        tier = max(int(said[tag]) & gather.TIER, role & gather.TIER)
        said[tag] = (int(said[tag]) | role) & ~gather.TIER | tier
    return said


def _of_phrases(data: bytes, tags: Records) -> list[int]:
    """Return what the classes of pictures and of elements inside lines say."""
    if len(_said) >= _MEMO_SIZE:
        _said.clear()
    keys = tags["names"].tolist()
    values = [_said.get(key) for key in keys]
    if None in values:
        reads = KINDS.reads[tags["tag"]].tolist()
        columns = (tags[column].tolist() for column in ("class_at", "class_end"))
        for key, value, read, at, end in zip(keys, values, reads, *columns, strict=True):
            if value is None:
                names = data[at:end].decode("utf-8", "replace")
                is_picture = read == READ_PICTURE
                _said[key] = said_of_picture(names) if is_picture else said_inline(names)
    return [_said[key] for key in keys]
