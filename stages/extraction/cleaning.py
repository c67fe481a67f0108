"""Decide which pieces of the chosen elements stay, and what just above them belongs to them."""

from __future__ import annotations

import re
from itertools import groupby
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from stages.extraction.container import STRONG_TIER, Judgement, Range
from stages.extraction.gather import (
    CAPTION,
    CODE,
    FORMULA,
    HEADING,
    IMAGE,
    ITEM,
    PARAGRAPH,
    TABLE,
)
from stages.extraction.phrases import LONGEST_PHRASE, is_stock_phrase
from stages.extraction.tree import Tree
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


class Page(NamedTuple):
    """A page with its chosen ranges.

    Attributes:
        tree: the page.
        junk: per piece, whether it lies in boilerplate.
        good: prefix sums of good text.
        linked: per piece, whether it lies in a list of links.
        links: how much of each piece is linked.
        levels: levels of headings.
    """

    tree: Tree
    junk: list[bool]
    good: list[int]
    linked: list[bool]
    links: list[int]
    levels: list[int]


def keep(tree: Tree, judgement: Judgement, chosen: list[Range], *, title: str) -> list[int]:
    """Return the indices of the pieces of the main text, in document order.

    Args:
        tree: the page.
        judgement: what its pieces are worth.
        chosen: the ranges of the main text.
        title: what the page calls itself, may be empty.
    """
    page = Page(
        tree=tree,
        junk=judgement.junk.tolist(),
        good=judgement.good.tolist(),
        linked=_linked(tree, judgement, chosen).tolist(),
        links=tree.pieces["links"].tolist(),
        levels=tree.pieces["level"].tolist(),
    )
    _spare_galleries(page, chosen)
    kept = [
        index
        for where in chosen
        for index in range(where.start, where.stop)
        if not page.junk[index] and not page.linked[index] and _is_content(page, index)
    ]
    kept = _without_bylines(page, kept)
    kept = _without_empty_headings(page, kept)
    return [*_above(page, chosen[0], title), *kept]


def text_size(tree: Tree, kept: list[int]) -> int:
    """Return the text of pieces that are neither headings nor captions."""
    kinds, sizes = tree.kinds, tree.sizes
    return sum(sizes[index] for index in kept if kinds[index] not in (HEADING, CAPTION))


def _linked(tree: Tree, judgement: Judgement, chosen: list[Range]) -> npt.NDArray[np.bool_]:
    """Return bool[P], whether a piece lies in a list of links."""
    linked = np.zeros(len(tree.pieces), np.bool_)
    starts, stops = tree.spans["start"], tree.spans["stop"]
    sizes = judgement.sizes[stops] - judgement.sizes[starts]
    links = judgement.links[stops] - judgement.links[starts]
    good = judgement.good[stops] - judgement.good[starts]
    around = (starts <= chosen[0].start) & (stops >= chosen[-1].stop)
    are_lists = (links > LINKED * sizes) & (2 * good < sizes) & (stops - starts > 1) & ~around
    for span in np.flatnonzero(are_lists).tolist():
        linked[starts[span] : stops[span]] = True
    return linked


def _spare_galleries(page: Page, chosen: list[Range]) -> None:
    """Take linked pictures in the middle of a text, without headings to teasers, off the list."""
    good, start, stop = page.good, chosen[0].start, chosen[-1].stop
    if True not in page.linked[start:stop]:
        return
    for is_linked, group in groupby(range(start, stop), page.linked[:stop].__getitem__):
        if not is_linked:
            continue
        members = list(group)
        before = good[members[0]] - good[start]
        after = good[stop] - good[members[-1] + 1]
        if min(before, after) < ENOUGH_AROUND or any(
            page.tree.kinds[i] == HEADING for i in members
        ):
            continue
        for index in members:
            page.linked[index] = page.tree.kinds[index] not in (IMAGE, CAPTION)


def _is_content(page: Page, index: int) -> bool:
    """Tell whether a piece by itself is worth keeping."""
    kind, size = page.tree.kinds[index], page.tree.sizes[index]
    if kind == IMAGE:
        return page.tree.image_of(index) is not None
    if not size:
        return False
    if kind in (HEADING, CAPTION):
        return kind == HEADING or not _is_stock_phrase(page, index)
    if size <= LONGEST_LINK_LINE and page.links[index] > NEARLY_ALL * size:
        return False
    return kind in (CODE, FORMULA, TABLE) or not _is_stock_phrase(page, index)


def _is_stock_phrase(page: Page, index: int) -> bool:
    size = page.tree.sizes[index]
    return size <= LONGEST_PHRASE and is_stock_phrase(page.tree.text_of(index))


def _without_bylines(page: Page, kept: list[int]) -> list[int]:
    """Drop dates, authors and labels: short lines before the first that reads like text."""
    good = page.good
    first = next((i for i in kept if good[i + 1] > good[i]), None)
    if first is None or good[kept[-1] + 1] - good[first] < ENOUGH_TEXT:
        return kept
    return [i for i in kept if i >= first or not _is_byline(page, i)]


def _is_byline(page: Page, index: int) -> bool:
    if page.tree.kinds[index] not in (PARAGRAPH, ITEM) or page.tree.sizes[index] > SHORT_LINE:
        return False
    return bool(_BYLINE.search(page.tree.text_of(index)))


def _without_empty_headings(page: Page, kept: list[int]) -> list[int]:
    """Drop headings whose section was dropped: at the end, or before a heading as high."""
    result: list[int] = []
    following: int | None = None
    levels = page.levels
    for index in reversed(kept):
        if page.tree.kinds[index] == HEADING:
            if following is None:
                continue
            gap = following > index + 1 and page.tree.kinds[following] == HEADING
            if gap and levels[following] <= levels[index]:
                continue
        result.append(index)
        following = index
    return result[::-1]


def _above(page: Page, first: Range, named: str) -> list[int]:
    """Return title, standfirst and pictures just above the main text."""
    levels = page.levels
    head = range(first.start, min(first.stop, first.start + _MOST_ABOVE))
    has_title = any(page.tree.kinds[i] == HEADING and levels[i] == 1 for i in head)
    title = None if has_title else _title(page, first.start, named)
    top = min(_frame_start(page, first), first.start if title is None else title)
    above: list[int] = []
    text = 0
    for index in range(max(top, first.start - _MOST_ABOVE), first.start):
        if page.junk[index] or page.linked[index]:
            continue
        if page.tree.kinds[index] in (IMAGE, CAPTION):
            if page.tree.kinds[index] == CAPTION or page.tree.image_of(index) is not None:
                above.append(index)
        elif title is not None and index > title and _is_standfirst(page, index):
            text += page.tree.sizes[index]
            if text <= _LONGEST_STANDFIRST:
                above.append(index)
    if title is not None and title not in above:
        above = sorted([title, *above])
    return above


def _title(page: Page, start: int, named: str) -> int | None:
    """Return the last heading of level 1 before the text; if linked, only the page's own title."""
    kinds, sizes = page.tree.kinds, page.tree.sizes
    for index in range(start - 1, -1, -1):
        is_title = kinds[index] == HEADING and page.levels[index] == 1
        if is_title and (
            2 * page.links[index] <= sizes[index] or page.tree.text_of(index) == named
        ):
            return None if page.junk[index] else index
    return None


def _frame_start(page: Page, where: Range) -> int:
    """Return the first piece of the innermost `<article>`-like element around a range."""
    spans = page.tree.spans
    parent = int(spans[where.span]["parent"])
    while parent >= 0:
        if spans[parent]["tier"] >= STRONG_TIER:
            return int(spans[parent]["start"])
        parent = int(spans[parent]["parent"])
    return where.start


def _is_standfirst(page: Page, index: int) -> bool:
    if page.tree.kinds[index] in (HEADING, ITEM, CODE, FORMULA):
        return False
    if page.good[index + 1] > page.good[index]:
        return True
    owner = page.tree.spans[page.tree.pieces[index]["owner"]]
    return page.tree.sizes[index] > 0 and bool(owner["hints"] & LEAD)
