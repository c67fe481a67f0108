"""Decide which pieces of the chosen elements stay, and what just above them belongs to them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby
from typing import Final

from stages.extraction.container import STRONG_TIER, Judgement
from stages.extraction.phrases import is_stock_phrase
from stages.extraction.tree import (
    CAPTION,
    CODE,
    FORMULA,
    HEADING,
    IMAGE,
    ITEM,
    PARAGRAPH,
    Piece,
    Span,
    Tree,
)
from stages.extraction.vocabulary import LEAD

LINKED: Final = 0.5
"""Share of linked text from which a group of pieces is a list of links."""
LONGEST_LINK_LINE: Final = 200
"""Size up to which a single line that is nearly all link is dropped."""
NEARLY_ALL: Final = 0.8
ENOUGH_TEXT: Final = 600
"""Good text from which short lines before it are taken for bylines."""
SHORT_LINE: Final = 60
_BYLINE: Final = re.compile(r"\d|^(?:by|von|par|por|di|da|text|autor|author|foto)\b|^\W*$", re.I)
ENOUGH_AROUND: Final = 300
"""Good text on either side that puts linked pictures in the middle of a text."""
_MOST_ABOVE: Final = 40  # pieces between the page's title and its text that are looked at
_LONGEST_STANDFIRST: Final = 900


def keep(tree: Tree, judgement: Judgement, chosen: list[Span]) -> list[int]:
    """Return the indices of the pieces of the main text, in document order."""
    linked = _linked(tree, judgement, chosen)
    _spare_galleries(tree.pieces, judgement, chosen, linked)
    kept = [
        index
        for span in chosen
        for index in range(span.start, span.stop)
        if not judgement.junk[index]
        and not linked[index]
        and not _is_link_line(tree.pieces[index])
        and not is_stock_phrase(tree.pieces[index])
    ]
    kept = _without_bylines(tree.pieces, judgement, kept)
    kept = _without_empty_headings(tree.pieces, kept)
    return [*_above(tree, judgement, linked, chosen[0]), *kept]


def text_size(pieces: Iterable[Piece]) -> int:
    """Return the text of pieces that are neither headings nor captions."""
    return sum(piece.size for piece in pieces if piece.kind not in (HEADING, CAPTION))


def _linked(tree: Tree, judgement: Judgement, chosen: list[Span]) -> list[bool]:
    """Return, per piece, whether it lies in a list of links."""
    linked = [False] * len(tree.pieces)
    done = 0
    first, last = chosen[0].start, chosen[-1].stop
    for span in tree.spans:
        if span.stop <= max(span.start, done) or (span.start <= first and span.stop >= last):
            continue
        if _is_link_list(tree, judgement, span):
            start = max(span.start, done)
            linked[start : span.stop] = [True] * (span.stop - start)
            done = span.stop
    return linked


def _spare_galleries(
    pieces: list[Piece], judgement: Judgement, chosen: list[Span], linked: list[bool]
) -> None:
    """Take linked pictures in the middle of a text, without headings to teasers, off the list."""
    good, start, stop = judgement.good, chosen[0].start, chosen[-1].stop
    for is_linked, group in groupby(range(start, stop), linked.__getitem__):
        if not is_linked:
            continue
        members = list(group)
        before = good[members[0]] - good[start]
        after = good[stop] - good[members[-1] + 1]
        if min(before, after) < ENOUGH_AROUND or any(pieces[i].kind is HEADING for i in members):
            continue
        for index in members:
            linked[index] = pieces[index].kind not in (IMAGE, CAPTION)


def _is_link_list(tree: Tree, judgement: Judgement, span: Span) -> bool:
    size = judgement.sizes[span.stop] - judgement.sizes[span.start]
    links = judgement.links[span.stop] - judgement.links[span.start]
    if not size or links <= LINKED * size:
        return False
    return span.stop - span.start > 1 and judgement.good_in(span) * 2 < size


def _is_link_line(piece: Piece) -> bool:
    if piece.kind in (HEADING, CAPTION) or piece.size > LONGEST_LINK_LINE:
        return False
    return piece.links > NEARLY_ALL * piece.size


def _without_bylines(pieces: list[Piece], judgement: Judgement, kept: list[int]) -> list[int]:
    """Drop dates, authors and labels: short lines before the first that reads like text."""
    good = judgement.good
    first = next((i for i in kept if good[i + 1] > good[i]), None)
    if first is None or good[kept[-1] + 1] - good[first] < ENOUGH_TEXT:
        return kept
    return [i for i in kept if i >= first or not _is_byline(pieces[i])]


def _is_byline(piece: Piece) -> bool:
    if piece.kind not in (PARAGRAPH, ITEM) or piece.size > SHORT_LINE:
        return False
    return bool(_BYLINE.search(piece.text))


def _without_empty_headings(pieces: list[Piece], kept: list[int]) -> list[int]:
    """Drop headings whose section was dropped: at the end, or before a heading as high."""
    result: list[int] = []
    following: int | None = None
    for index in reversed(kept):
        piece = pieces[index]
        if piece.kind is HEADING:
            if following is None:
                continue
            after = pieces[following]
            gap = following > index + 1
            if gap and after.kind is HEADING and after.level <= piece.level:
                continue
        result.append(index)
        following = index
    return result[::-1]


def _above(tree: Tree, judgement: Judgement, linked: list[bool], first: Span) -> list[int]:
    """Return title, standfirst and pictures just above the main text."""
    pieces = tree.pieces
    if any(pieces[i].kind is HEADING and pieces[i].level == 1 for i in _head(first)):
        title = None
    else:
        title = _title(tree, judgement, first.start)
    top = min(_frame_start(tree, first), first.start if title is None else title)
    above: list[int] = []
    text = 0
    for index in range(max(top, first.start - _MOST_ABOVE), first.start):
        piece = pieces[index]
        if judgement.junk[index] or linked[index]:
            continue
        if piece.kind is IMAGE or piece.kind is CAPTION:
            above.append(index)
        elif title is not None and index > title and _is_standfirst(tree, judgement, index):
            text += piece.size
            if text <= _LONGEST_STANDFIRST:
                above.append(index)
    if title is not None and title not in above:
        above = sorted([title, *above])
    return above


def _head(span: Span) -> range:
    return range(span.start, min(span.stop, span.start + _MOST_ABOVE))


def _title(tree: Tree, judgement: Judgement, start: int) -> int | None:
    for index in range(start - 1, -1, -1):
        piece = tree.pieces[index]
        if piece.kind is HEADING and piece.level == 1 and 2 * piece.links <= piece.size:
            return None if judgement.junk[index] else index
    return None


def _frame_start(tree: Tree, span: Span) -> int:
    """Return the first piece of the innermost `<article>`-like element around a span."""
    parent = span.parent
    while parent >= 0:
        around = tree.spans[parent]
        if around.tier >= STRONG_TIER:
            return around.start
        parent = around.parent
    return span.start


def _is_standfirst(tree: Tree, judgement: Judgement, index: int) -> bool:
    piece = tree.pieces[index]
    if piece.kind in (HEADING, ITEM, CODE, FORMULA):
        return False
    if judgement.good[index + 1] > judgement.good[index]:
        return True
    return piece.size > 0 and bool(tree.spans[piece.owner].hints & LEAD)
