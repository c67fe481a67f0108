"""Choose the range of pieces that is the main text.

Text is good when it reads like sentences and bad when it is links or lies in boilerplate. The
densest element is the one whose good text most exceeds its bad text; an element whose name
promises the main text is preferred to it if it holds a fair share of that text. All sums over
elements are differences of prefix sums, so the work grows with pieces plus spans.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Final

from stages.extraction.names import TOP_TIER
from stages.extraction.tree import (
    CAPTION,
    CODE,
    FORMULA,
    HEADING,
    IMAGE,
    TABLE,
    Piece,
    Span,
    Tree,
)
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

LONG: Final = 80
"""Size from which text without a full stop counts as good."""
SENTENCE: Final = 25
"""Size from which text with a full stop counts as good."""
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
DOMINANT: Final = 0.6
"""Share of the text of like-named elements that makes one of them the only main text."""

_LOWEST_TIER: Final = 2
_MOST_CODE: Final = 2000
_ENDS: Final = ".!?…。！？”\"»”’':;।؟۔)"
_DIGITS: Final = re.compile(r"\d+")


@dataclass(frozen=True, kw_only=True, slots=True)
class Judgement:
    """What the pieces of a page are worth.

    Attributes:
        junk: per piece, whether it lies in boilerplate.
        good: prefix sums of good text, one longer than the pieces.
        net: prefix sums of good text minus bad text.
        sizes: prefix sums of text other than captions.
        links: prefix sums of linked text other than captions.
    """

    junk: list[bool]
    good: list[int]
    net: list[int]
    sizes: list[int]
    links: list[int]

    def good_in(self, span: Span) -> int:
        """Return the good text of an element."""
        return self.good[span.stop] - self.good[span.start]


def judge(tree: Tree) -> Judgement:
    """Judge every piece of a page."""
    worths = [_worth(piece) for piece in tree.pieces]
    plain = _sums(good for good, _ in worths)
    junk = _junk(tree, plain)
    goods = [0 if bad_place else good for (good, _), bad_place in zip(worths, junk, strict=True)]
    nets = [
        -(good + bad) if bad_place else good - bad
        for (good, bad), bad_place in zip(worths, junk, strict=True)
    ]
    return Judgement(
        junk=junk,
        good=_sums(goods),
        net=_sums(nets),
        sizes=_sums(0 if piece.kind is CAPTION else piece.size for piece in tree.pieces),
        links=_sums(0 if piece.kind is CAPTION else piece.links for piece in tree.pieces),
    )


def choose(tree: Tree, judgement: Judgement) -> list[Span]:
    """Return the elements that hold the main text, in order and disjoint."""
    densest = _densest(tree, judgement)
    enough = judgement.good_in(densest)
    for tier in range(TOP_TIER, _LOWEST_TIER - 1, -1):
        share = STRONG_SHARE if tier >= STRONG_TIER else WEAK_SHARE
        spans = _named(tree, judgement, tier)
        if not spans:
            continue
        best = max(spans, key=judgement.good_in)
        together = _alike(best, spans, judgement)
        good = sum(map(judgement.good_in, together))
        if good >= LEAST_GOOD and good >= share * enough:
            return _closed(together, good, judgement)
    return [densest]


def _worth(piece: Piece) -> tuple[int, int]:
    """Return how much good and bad text a piece holds by itself."""
    kind, size, links = piece.kind, piece.size, piece.links
    if kind is IMAGE or kind is CAPTION:
        return 0, 0
    if 2 * links > size:
        return 0, size
    if kind is HEADING:
        return 0, 0
    if kind is CODE or kind is FORMULA or kind is TABLE:
        return min(size - links, _MOST_CODE), links
    if size >= LONG or (size >= SENTENCE and piece.text[-1] in _ENDS):
        return size - links, links
    return 0, size // 4


def _sums(values: Iterable[int]) -> list[int]:
    return list(accumulate(values, initial=0))


def _junk(tree: Tree, good: list[int]) -> list[bool]:
    """Return, per piece, whether it lies in an element named as boilerplate and rightly so."""
    total = good[-1]
    flagged = [
        (span, kinds)
        for span in tree.spans
        if span.junk and (kinds := _credible(span, tree.pieces, good))
    ]
    believed = 0
    for kind in KINDS_OF_JUNK:
        covered = sum(good[stop] - good[start] for start, stop in _ranges(kind, flagged))
        if kind == COMMENT:
            is_believed = _are_comments(tree, flagged, good, covered)
        else:
            is_believed = covered <= MOST_JUNK[kind] * total or not total
        believed |= kind * is_believed
    junk = [False] * len(tree.pieces)
    for start, stop in _ranges(believed, flagged):
        junk[start:stop] = [True] * (stop - start)
    return junk


def _ranges(kinds: int, flagged: list[tuple[Span, int]]) -> Iterator[tuple[int, int]]:
    """Yield disjoint ranges that cover the elements flagged with any of the kinds."""
    done = 0
    for span, flags in flagged:
        if flags & kinds and span.stop > done:
            yield max(span.start, done), span.stop
            done = span.stop


def _credible(span: Span, pieces: list[Piece], good: list[int]) -> int:
    """Return the kinds of junk that an element may be, from how much good text is inside."""
    inside = good[span.stop] - good[span.start]
    kinds = span.junk
    if not inside:
        if kinds == HIDDEN and span.stop - span.start == 1 and pieces[span.start].kind is IMAGE:
            return 0  # a slide that waits its turn
        return kinds
    if kinds & FORM and inside > LARGEST_FORM:
        kinds &= ~FORM
    for kind in KINDS_OF_JUNK:
        if kinds & kind and kind != COMMENT and inside > MOST_JUNK[kind] * good[-1]:
            kinds &= ~kind
    return kinds


def _are_comments(
    tree: Tree, flagged: list[tuple[Span, int]], good: list[int], covered: int
) -> bool:
    """Tell whether what is named comments stands beside a text, rather than being it."""
    rest = good[-1] - covered
    if rest >= covered:
        return True
    if rest < LEAST_BESIDE_COMMENTS:
        return False
    if rest >= LEAST_PER_COMMENTS * covered:
        return True
    beside = [good[index + 1] - good[index] for index in range(len(tree.pieces))]
    for start, stop in _ranges(COMMENT, flagged):
        beside[start:stop] = [0] * (stop - start)
    sums = _sums(beside)
    return any(
        span.tier >= STRONG_TIER and sums[span.stop] - sums[span.start] >= LEAST_GOOD
        for span in tree.spans
    )


def _densest(tree: Tree, judgement: Judgement) -> Span:
    net = judgement.net
    best, best_score = tree.spans[0], net[-1]
    for span in tree.spans:
        score = net[span.stop] - net[span.start]
        if score > best_score or (score == best_score and span.stop > span.start):
            best, best_score = span, score
    return best


def _named(tree: Tree, judgement: Judgement, tier: int) -> list[Span]:
    """Return the elements of a tier outside boilerplate, without those inside another."""
    found: list[Span] = []
    done = 0
    for span in tree.spans:
        if span.tier != tier or span.stop <= done or span.stop == span.start:
            continue
        if judgement.good_in(span):
            found.append(span)
            done = span.stop
    return found


def _alike(best: Span, spans: list[Span], judgement: Judgement) -> list[Span]:
    """Return the best element with those that are parts of the same text.

    Elements of one template under one parent are sections of one article, as are the posts of
    a thread; elsewhere they are so only if none of them is much larger than the others.
    """
    key = _template(best)
    alike = [span for span in spans if _template(span) == key]
    if judgement.good_in(best) < DOMINANT * sum(map(judgement.good_in, alike)):
        return alike
    return [span for span in alike if span.parent == best.parent]


def _closed(parts: list[Span], good: int, judgement: Judgement) -> list[Span]:
    """Return one range over all parts if what lies between them belongs to the text."""
    if len(parts) == 1:
        return parts
    whole = replace(parts[0], start=parts[0].start, stop=parts[-1].stop)
    between = judgement.good_in(whole) - good
    bad = (good + between) - (judgement.net[whole.stop] - judgement.net[whole.start])
    if between <= MOST_BETWEEN * good and bad <= good:
        return [whole]
    return parts


def _template(span: Span) -> tuple[int, str]:
    tag, names = span.key
    return tag, _DIGITS.sub("", names)
