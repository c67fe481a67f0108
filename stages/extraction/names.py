"""What the names of an element promise: how likely it frames the main text, or that it is junk."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Final, NamedTuple, TypeVar

from stages.extraction.gather import DROPPED, GLYPH, ICON, TEX_NAME
from stages.extraction.images import is_icon, stands_for_formula, stands_for_text
from stages.extraction.markup import fnv
from stages.extraction.vocabulary import (
    BODY,
    CAPTION,
    COMMENT,
    FOOT,
    FORM,
    HEADER,
    HIDDEN,
    HIDDEN_TOKENS,
    JUNK,
    KEPT,
    KEPT_TOKENS,
    LEAD,
    MAIN,
    MASKS,
    META,
    MORE,
    NAV,
    NOTICE,
    NOUN,
    PART,
    PROSE,
    RELATED,
    RICH,
    SHOWN_AGAIN,
    SIDE,
    SITE,
    STATE_PAIRS,
    STATE_PREFIXES,
    TEASER,
)


class Names(NamedTuple):
    """What the class, id, role and itemprop of an element say.

    Attributes:
        tier: how well it frames the main text, 0 (nothing known) to 6 (`articleBody`).
        junk: kinds of boilerplate it is named after, bits of `vocabulary.JUNK`.
        hints: LEAD, CAPTION and KEPT bits.
    """

    tier: int
    junk: int
    hints: int


NOTHING: Final = Names(0, 0, 0)
TOP_TIER: Final = 6

_ROLES: Final = {
    "main": Names(3, 0, 0),
    "article": Names(4, 0, 0),
    "navigation": Names(0, NAV, 0),
    "complementary": Names(0, SIDE, 0),
    "contentinfo": Names(0, FOOT, 0),
    "search": Names(0, FORM, 0),
    "dialog": Names(0, NOTICE, 0),
    "alertdialog": Names(0, NOTICE, 0),
    "menu": Names(0, NAV, 0),
    "menubar": Names(0, NAV, 0),
    "toolbar": Names(0, NAV, 0),
    "tooltip": Names(0, NOTICE, 0),
}
_ITEM_PROPERTIES: Final = {
    "articlebody": Names(TOP_TIER, 0, 0),
    "text": Names(5, 0, 0),
    "reviewbody": Names(5, 0, 0),
    "recipeinstructions": Names(5, 0, 0),
    "maincontentofpage": Names(3, 0, 0),
    "author": Names(0, META, 0),
    "publisher": Names(0, META, 0),
    "datepublished": Names(0, META, 0),
    "comment": Names(0, COMMENT, 0),
    "breadcrumb": Names(0, NAV, 0),
    "caption": Names(0, 0, CAPTION),
}
_BY_ROLE: Final = {int(fnv(role)): names for role, names in _ROLES.items()}
_BY_PROPERTY: Final = {int(fnv(name)): names for name, names in _ITEM_PROPERTIES.items()}

_DROPPED_INLINE_NAMES: Final = """
    katex-html MathJax MathJax_Preview MathJax_SVG MathJax_CHTML MathJax_Display mjx-chtml
    mw-editsection lineno linenos ln lnum line-number line-numbers gutter sr-only
    screen-reader-text visually-hidden visuallyhidden noprint reference headerlink anchor-link
    headeranchor anchorjs-link
"""
_DROPPED_INLINE: Final = frozenset(_DROPPED_INLINE_NAMES.split())

_T = TypeVar("_T")
_UNKNOWN: Final = 1 << 30

_STRONG_TIER: Final = 4
_STRONG_JUNK: Final = COMMENT | RELATED | FOOT
"""Junk that is believed of an element that another of its tokens calls an article."""
_MODIFIER: Final = re.compile(r"--(?:has|is|no|not|with|without)-.*")
_STATES: Final = {"enabled", "disabled", "active", "open", "opened", "visible", "ready", "loaded"}
_STATE_ENDINGS: Final = tuple(dash + state for dash in "-_" for state in {*_STATES, "on", "off"})

_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_a-zA-Z]+")
_LONGEST_NAME: Final = 400
_LONGEST_WORD: Final = 24
_SHORTEST_PART: Final = 3
_MEMO_SIZE: Final = 1 << 17  # a crawl's pages share templates; about 30 MB when full

_word_memo: dict[str, int] = {}
_token_memo: dict[str, Names] = {}


def classify(names: str) -> Names:
    """Return what a class attribute and an id, joined by spaces, say.

    >>> classify("article-body wide")
    Names(tier=5, junk=0, hints=0)
    >>> classify("post hentry category-sport").junk
    0
    """
    return _classify(names[:_LONGEST_NAME])


def said_by_role(role: int, item_property: int) -> int:
    """Return what role and itemprop say, packed; both as their `markup.fnv`, 0 for none."""
    return packed(merge(_BY_ROLE.get(role, NOTHING), _BY_PROPERTY.get(item_property, NOTHING)))


def said_inline(names: str) -> int:
    """Return DROPPED if the class of an element inside a line says to leave it out."""
    return 0 if _DROPPED_INLINE.isdisjoint(names.split()) else DROPPED


def said_of_picture(names: str) -> int:
    """Return whether the class of a picture is that of an icon, emoji or formula."""
    return (
        ICON * is_icon(names)
        | GLYPH * stands_for_text(names)
        | TEX_NAME * stands_for_formula(names)
    )


def packed(names: Names) -> int:
    """Return what names say in one number, whose bits do not overlap."""
    return names.tier | names.junk | names.hints


def merge(one: Names, other: Names) -> Names:
    """Return the names of an element that two sources speak about."""
    if other is NOTHING:
        return one
    if one is NOTHING:
        return other
    return Names(max(one.tier, other.tier), one.junk | other.junk, one.hints | other.hints)


def _remember(memo: dict[str, _T], key: str, value: _T) -> _T:
    if len(memo) >= _MEMO_SIZE:
        memo.clear()
    memo[key] = value
    return value


def _classify(names: str) -> Names:
    tier = junk = hints = 0
    tokens = names.split()
    for token in tokens:
        found = _token_memo.get(token)
        if found is None:
            found = _remember(_token_memo, token, _classify_token(token))
        if found is not NOTHING:
            token_tier, token_junk, token_hints = found
            tier = max(tier, token_tier)
            junk |= token_junk
            hints |= token_hints
    if not KEPT_TOKENS.isdisjoint(tokens):
        return Names(tier, 0, hints | KEPT)
    if junk:
        if "hentry" in tokens or "type-post" in tokens:
            junk = 0
        elif tier >= _STRONG_TIER:
            junk &= _STRONG_JUNK
        if junk & HIDDEN and any(token.endswith(SHOWN_AGAIN) for token in tokens):
            junk &= ~HIDDEN
    return Names(tier, junk, hints) if tier or junk or hints else NOTHING


def _classify_token(token: str) -> Names:
    lowered = token.lower()
    if lowered in HIDDEN_TOKENS:
        return Names(0, HIDDEN, 0)
    if ":" in token:
        return NOTHING
    words = _WORD.findall(_MODIFIER.sub("", token) if "--" in token else token)
    words = [word.lower() for word in words] if lowered != token else words
    if not words or _tells_a_state(lowered, words):
        return NOTHING
    mask = 0
    for word in words:
        mask |= _word_mask(word)
    for first, second in pairwise(words):  # side-bar
        mask |= MASKS.get(first + second, 0)
    if mask & TEASER:
        mask |= LEAD if mask & BODY else RELATED
    hints = mask & (LEAD | CAPTION)
    junk = _junk(mask)
    tier = 0 if junk else _tier(mask)
    return Names(tier, junk, hints) if tier or junk or hints else NOTHING


def _tells_a_state(token: str, words: list[str]) -> bool:
    if token.startswith(STATE_PAIRS) or token.endswith(_STATE_ENDINGS):
        return True
    return len(words) > 1 and words[0] in STATE_PREFIXES


def _junk(mask: int) -> int:
    junk = mask & JUNK
    if junk == META and mask & CAPTION:
        return 0
    if mask & MORE and not mask & BODY:
        junk |= RELATED
    if mask & HEADER and mask & SITE:
        junk |= NAV
    return junk


def _tier(mask: int) -> int:
    if mask & (PART | LEAD | CAPTION | HEADER):
        return 0
    if mask & PROSE or (mask & NOUN and mask & BODY):
        return 5
    if mask & RICH or (mask & MAIN and mask & (NOUN | BODY)):
        return 3
    if mask & _UNKNOWN:
        return 1 if mask & (NOUN | BODY | MAIN) else 0
    if mask & NOUN:
        return 4
    return 2 if mask & (MAIN | BODY) else 0


def _word_mask(word: str) -> int:
    found = _word_memo.get(word)
    if found is None:
        found = _remember(_word_memo, word, _look_up(word[:_LONGEST_WORD]))
    return found


def _look_up(word: str) -> int:
    """Return the bits of a word, of its singular, or of the two known words it is made of."""
    whole = _known(word)
    if whole is not None:
        return whole
    for cut in range(len(word) - _SHORTEST_PART, _SHORTEST_PART - 1, -1):
        first, second = _known(word[:cut]), _known(word[cut:])
        if first is not None and second is not None:
            return first | second
    return _UNKNOWN


def _known(word: str) -> int | None:
    mask = MASKS.get(word)
    if mask is None and word.endswith("s"):
        mask = MASKS.get(word[:-1])
    return mask
