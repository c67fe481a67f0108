"""What the names of an element promise: how likely it frames the main text, or that it is junk."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from stages.extraction import naming
from stages.extraction.gather import DROPPED, GLYPH, ICON, TEX_NAME
from stages.extraction.images import is_icon, stands_for_formula, stands_for_text
from stages.extraction.markup import fnv
from stages.extraction.records import TAG
from stages.extraction.vocabulary import (
    CAPTION,
    COMMENT,
    FOOT,
    FORM,
    HIDDEN_TOKENS,
    JUNK,
    KEPT_TOKENS,
    MASKS,
    META,
    NAV,
    NOTICE,
    SHOWN_AGAIN,
    SIDE,
    STATE_PAIRS,
    STATE_PREFIXES,
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

_STATES: Final = (
    *("enabled", "disabled", "active", "open", "opened", "visible", "ready", "loaded"),
    *("on", "off"),
)
_BAR_MODIFIERS: Final = ("has", "is", "no", "not", "with", "without")
_SLOTS: Final = 1 << 13
_REMEMBERED: Final = 1 << 16  # names, 1 MB: pages of a site share them

Words = tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64], npt.NDArray[np.uint64]]


def classify(names: str) -> Names:
    """Return what a class attribute and an id, joined by spaces, say.

    >>> classify("article-body wide")
    Names(tier=5, junk=0, hints=0)
    >>> classify("post hentry category-sport").junk
    0
    """
    data = np.frombuffer(names.encode("utf-8", "replace"), np.uint8)
    tags, said = np.zeros(1, TAG), np.zeros(1, np.int32)
    tags["class_end"] = len(data)
    naming.classify_tags(data, tags, np.zeros(1, np.int64), *WORDS, said)
    value = int(said[0])
    return Names(value & 7, value & JUNK, value & ~JUNK & ~7)


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


def _words() -> Words:
    """Return the open hash table of words and tokens that `naming` looks up, and its memo."""
    bits: dict[str, int] = {}

    def add(words: Iterable[str], bit: int) -> None:
        for word in words:
            bits[word.lower()] = bits.get(word.lower(), 0) | bit

    for word, mask in MASKS.items():
        add([word], mask | naming.KNOWN)
    add(STATE_PREFIXES, naming.STATE_PREFIX)
    add(STATE_PAIRS, naming.STATE_PAIR)
    add((pair[0] for pair in STATE_PAIRS), naming.PAIR_BEGINS)
    add(_STATES, naming.STATE_ENDING)
    add(_BAR_MODIFIERS, naming.BAR_MODIFIER)
    add(HIDDEN_TOKENS, naming.HIDDEN_TOKEN)
    add(KEPT_TOKENS, naming.KEPT_TOKEN)
    add(SHOWN_AGAIN, naming.SHOWN_AGAIN)
    add((ending[-1] for ending in SHOWN_AGAIN), naming.SHOWN_ENDS)
    add(("hentry", "type-post"), naming.POST_TOKEN)
    keys, masks = np.zeros(_SLOTS, np.uint64), np.zeros(_SLOTS, np.int64)
    for word, mask in bits.items():
        slot = int(key := fnv(word)) % _SLOTS
        while keys[slot]:
            slot = (slot + 1) % _SLOTS
        keys[slot], masks[slot] = key, mask
    return keys, masks, np.zeros((_REMEMBERED, 2), np.uint64)


WORDS: Final = _words()
