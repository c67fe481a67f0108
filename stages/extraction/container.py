"""Choose the range of pieces that is the main text.

Text is good when it reads like sentences and bad when it is links or lies in boilerplate. The
densest element is the one whose good text most exceeds its bad text; an element whose name
promises the main text is preferred to it if it holds a fair share of that text. All sums over
elements are differences of prefix sums, so the work grows with pieces plus spans.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from stages.extraction import scoring
from stages.extraction.gather import HEADING, IMAGE
from stages.extraction.tree import Tree
from stages.extraction.vocabulary import (
    AD,
    COMMENT,
    FOOT,
    FORM,
    HIDDEN,
    KINDS_OF_JUNK,
    META,
    NAV,
    SHARE,
    SIDE,
)

LEAST_GOOD: Final = 150
"""Good text that a named element must hold."""
STRONG_TIER: Final = 4
STRONG_SHARE: Final = 0.2
"""Share of the densest element's good text that a named element must hold, tier 4 and up."""
WEAK_SHARE: Final = 0.7
MOST_JUNK: Final = dict.fromkeys(KINDS_OF_JUNK, 6 / 7) | dict.fromkeys(
    (FOOT, SIDE, NAV, SHARE, AD, META, HIDDEN), 0.6
)
"""A name that would call more than this share of the good text junk is not believed."""
MOST_BETWEEN: Final = 0.6
"""Good text between the parts of a text, per good text in them, up to which it belongs to it."""
LEAST_BESIDE_COMMENTS: Final = 250
LEAST_PER_COMMENTS: Final = 0.1
"""Comments are the main text of a page, a forum, with less good text than this beside them, or
less than this per good text in them and no article among it."""
LARGEST_FORM: Final = 500
"""A form around more good text than this is not a form to fill in."""
MOST_BAD_AROUND: Final = 20
"""Bad text, less good text, that an element may add to the densest one inside it."""
DOMINANT: Final = 0.6
"""Share of the text of like-named elements that makes one of them the only main text."""

_LOWEST_TIER: Final = 2
_DIGITS: Final = re.compile(r"\d+")


Ints = npt.NDArray[np.int64]


class Range(NamedTuple):
    """The half-open range of pieces of an element, or of several in a row.

    Attributes:
        start: first piece.
        stop: one past the last.
        span: the element, or the first of several.
    """

    start: int
    stop: int
    span: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Judgement:
    """What the pieces of a page are worth, P of them.

    Attributes:
        junk: bool[P], whether it lies in boilerplate.
        good: int64[P + 1], prefix sums of good text.
        net: int64[P + 1], prefix sums of good text minus bad text.
        sizes: int64[P + 1], prefix sums of text other than captions.
        links: int64[P + 1], prefix sums of linked text other than captions.
    """

    junk: npt.NDArray[np.bool_]
    good: Ints
    net: Ints
    sizes: Ints
    links: Ints

    def good_in(self, where: Range) -> int:
        """Return the good text of a range."""
        return int(self.good[where.stop] - self.good[where.start])


def judge(tree: Tree) -> Judgement:
    """Judge every piece of a page."""
    count = len(tree.pieces)
    good, bad = np.empty(count, np.int64), np.empty(count, np.int64)
    scoring.weigh(tree.pieces, good, bad)
    junk = _junk(tree, good)
    sums = np.empty((4, count + 1), np.int64)
    scoring.add_up(tree.pieces, good, bad, junk, sums)
    return Judgement(
        junk=junk,
        good=sums[scoring.GOOD],
        net=sums[scoring.NET],
        sizes=sums[scoring.SIZES],
        links=sums[scoring.LINKS],
    )


def choose(tree: Tree, judgement: Judgement) -> list[Range]:
    """Return the ranges that hold the main text, in order and disjoint."""
    densest = _densest(tree, judgement)
    enough = judgement.good_in(densest)
    within = judgement.good[tree.spans["stop"]] - judgement.good[tree.spans["start"]]
    promising = np.flatnonzero((within > 0) & (tree.spans["tier"] >= _LOWEST_TIER))
    tiers = tree.spans["tier"][promising]
    for tier in sorted(set(tiers.tolist()), reverse=True):
        share = STRONG_SHARE if tier >= STRONG_TIER else WEAK_SHARE
        spans = _outermost(
            tree, [i for i, t in zip(promising.tolist(), tiers, strict=False) if t == tier]
        )
        best = max(spans, key=judgement.good_in)
        together = _alike(tree, best, spans, judgement)
        good = sum(map(judgement.good_in, together))
        if good >= LEAST_GOOD and good >= share * enough:
            return _closed(together, good, judgement)
    return [_with_opening(tree, judgement, densest)]


def _junk(tree: Tree, good: Ints) -> npt.NDArray[np.bool_]:
    """Return bool[P], whether it lies in an element named as boilerplate and rightly so."""
    junk = np.zeros(len(good), np.bool_)
    named = tree.spans[tree.spans["junk"] != 0]
    if not len(named):
        return junk
    columns = (named[name].tolist() for name in ("start", "stop", "junk"))
    sums = list(accumulate(good.tolist(), initial=0))
    total = sums[-1]
    flagged = [
        (start, stop, kinds)
        for start, stop, named_as in zip(*columns, strict=True)
        if (kinds := _credible(tree, start, stop, named_as, sums))
    ]
    believed = 0
    for kind in KINDS_OF_JUNK:
        if not any(kinds & kind for _, _, kinds in flagged):
            continue
        covered = sum(sums[stop] - sums[start] for start, stop in _ranges(kind, flagged))
        if kind == COMMENT:
            is_believed = _are_comments(tree, flagged, good, covered)
        else:
            is_believed = covered <= MOST_JUNK[kind] * total or not total
        believed |= kind * is_believed
    for start, stop in _ranges(believed, flagged):
        junk[start:stop] = True
    return junk


def _ranges(kinds: int, flagged: list[tuple[int, int, int]]) -> Iterator[tuple[int, int]]:
    """Yield disjoint ranges that cover the elements flagged with any of the kinds."""
    done = 0
    for start, stop, flags in flagged:
        if flags & kinds and stop > done:
            yield max(start, done), stop
            done = stop


def _credible(tree: Tree, start: int, stop: int, kinds: int, good: list[int]) -> int:
    """Return the kinds of junk that an element may be, from how much good text is inside."""
    inside = good[stop] - good[start]
    if not inside:
        if kinds == HIDDEN and stop - start == 1 and tree.kinds[start] == IMAGE:
            return 0  # a slide that waits its turn
        return kinds
    if kinds & FORM and inside > LARGEST_FORM:
        kinds &= ~FORM
    for kind in KINDS_OF_JUNK:
        if kinds & kind and kind != COMMENT and inside > MOST_JUNK[kind] * good[-1]:
            kinds &= ~kind
    return kinds


def _are_comments(
    tree: Tree, flagged: list[tuple[int, int, int]], good: Ints, covered: int
) -> bool:
    """Tell whether what is named comments stands beside a text, rather than being it."""
    rest = int(good.sum()) - covered
    if rest >= covered:
        return True
    if rest < LEAST_BESIDE_COMMENTS:
        return False
    if rest >= LEAST_PER_COMMENTS * covered:
        return True
    beside = good.copy()
    for start, stop in _ranges(COMMENT, flagged):
        beside[start:stop] = 0
    sums = np.concatenate(([0], np.cumsum(beside)))
    strong = tree.spans[tree.spans["tier"] >= STRONG_TIER]
    return bool((sums[strong["stop"]] - sums[strong["start"]] >= LEAST_GOOD).any())


def _densest(tree: Tree, judgement: Judgement) -> Range:
    """Return the element whose good text most exceeds its bad text, the innermost of equals."""
    starts, stops = tree.spans["start"], tree.spans["stop"]
    scores = judgement.net[stops] - judgement.net[starts]
    best = np.flatnonzero((scores == scores.max()) & ((stops > starts) | (scores > scores[0])))
    return _range(tree, int(best[-1]) if len(best) else 0)


def _with_opening(tree: Tree, judgement: Judgement, where: Range) -> Range:
    """Return the elements around a range that add an opening to it, a heading first."""
    parent = int(tree.spans[where.span]["parent"])
    while parent >= 0:
        around = _range(tree, parent)
        before = tree.kinds[around.start : where.start]
        bad = (judgement.net[where.stop] - judgement.net[where.start]) - (
            judgement.net[around.stop] - judgement.net[around.start]
        )
        if bad > MOST_BAD_AROUND or (before and before[0] != HEADING):
            break
        where = around
        parent = int(tree.spans[parent]["parent"])
    return where


def _range(tree: Tree, span: int) -> Range:
    record = tree.spans[span]
    return Range(int(record["start"]), int(record["stop"]), span)


def _outermost(tree: Tree, spans: list[int]) -> list[Range]:
    """Return the ranges of elements without those inside another."""
    found: list[Range] = []
    for where in (_range(tree, span) for span in spans):
        if not found or where.stop > found[-1].stop:
            found.append(where)
    return found


def _alike(tree: Tree, best: Range, spans: list[Range], judgement: Judgement) -> list[Range]:
    """Return the best element with those that are parts of the same text.

    Elements of one template under one parent are sections of one article, as are the posts of
    a thread; elsewhere they are so only if none of them is much larger than the others.
    """
    if len(spans) == 1:
        return spans
    key = _template(tree, best)
    alike = [where for where in spans if _template(tree, where) == key]
    if judgement.good_in(best) < DOMINANT * sum(map(judgement.good_in, alike)):
        return alike
    parents = tree.spans["parent"]
    return [where for where in alike if parents[where.span] == parents[best.span]]


def _closed(parts: list[Range], good: int, judgement: Judgement) -> list[Range]:
    """Return one range over all parts if what lies between them belongs to the text."""
    if len(parts) == 1:
        return parts
    whole = parts[0]._replace(stop=parts[-1].stop)
    between = judgement.good_in(whole) - good
    bad = (good + between) - int(judgement.net[whole.stop] - judgement.net[whole.start])
    if between <= MOST_BETWEEN * good and bad <= good:
        return [whole]
    return parts


def _template(tree: Tree, where: Range) -> tuple[int, str]:
    """Return what elements made by one template have in common: tag and class without digits."""
    tag = int(tree.spans[where.span]["tag"])
    return int(tree.markup.tags[tag]["tag"]), _DIGITS.sub("", tree.markup.names(tag))
