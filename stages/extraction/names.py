"""What the names of an element promise: how likely it frames the main text, or that it is junk."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from stages.extraction import naming
from stages.extraction.gather import GLYPH, ICON, TEX_NAME
from stages.extraction.images import is_icon, stands_for_formula, stands_for_text
from stages.extraction.kinds import KINDS
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


TOP_TIER: Final = 6

_SAID_BY_ROLE: Final = {
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
_SAID_BY_PROPERTY: Final = {
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

_DROPPED_INLINE: Final = """
    katex-html MathJax MathJax_Preview MathJax_SVG MathJax_CHTML MathJax_Display mjx-chtml
    mw-editsection lineno linenos ln lnum line-number line-numbers gutter sr-only
    screen-reader-text visually-hidden visuallyhidden noprint reference headerlink anchor-link
    headeranchor anchorjs-link
"""

_STATES: Final = (
    *("enabled", "disabled", "active", "open", "opened", "visible", "ready", "loaded"),
    *("on", "off"),
)
_BAR_MODIFIERS: Final = ("has", "is", "no", "not", "with", "without")
_SLOTS: Final = 1 << 13
_REMEMBERED: Final = 1 << 16  # names, 1 MB: pages of a site share them

Table = tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]


def classify(names: str) -> Names:
    """Return what a class attribute and an id, joined by spaces, say.

    >>> classify("article-body wide")
    Names(tier=5, junk=0, hints=0)
    >>> classify("post hentry category-sport").junk
    0
    """
    data = np.frombuffer(names.encode("utf-8", "replace"), np.uint8)
    tags = np.zeros(1, TAG)
    tags["class_end"], tags["names"] = len(data), 1
    value = int(what_names_say(data, tags)[0])
    return Names(value & 7, value & JUNK, value & ~JUNK & ~7)


def what_names_say(
    data: npt.NDArray[np.uint8], tags: npt.NDArray[np.void]
) -> npt.NDArray[np.int32]:
    """Return int32[T], what the names, role and itemprop of each tag say.

    Args:
        data: uint8[B], markup in UTF-8.
        tags: record[T] of dtype `records.TAG`.
    """
    said, unknown = np.empty(len(tags), np.int32), np.empty(len(tags), np.int32)
    count = naming.classify_tags(data, tags, KINDS.reads, _WORDS, _ROLES, _MEMO, said, unknown)
    for index in unknown[:count].tolist():
        tag = tags[index]
        names = data[tag["class_at"] : tag["class_end"]].tobytes().decode("utf-8", "replace")
        value = said_of_picture(names)
        said[index] |= value
        _MEMO[int(tag["names"]) % len(_MEMO)] = tag["names"], value
    return said


def said_of_picture(names: str) -> int:
    """Return whether the class of a picture is that of an icon, emoji or formula."""
    return (
        ICON * is_icon(names)
        | GLYPH * stands_for_text(names)
        | TEX_NAME * stands_for_formula(names)
    )


def _words() -> Table:
    """Return the open hash table of words and tokens that `naming` looks up."""
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
    add(_DROPPED_INLINE.split(), naming.DROPPED_TOKEN)
    add(HIDDEN_TOKENS, naming.HIDDEN_TOKEN)
    add(KEPT_TOKENS, naming.KEPT_TOKEN)
    add(SHOWN_AGAIN, naming.SHOWN_AGAIN)
    add((ending[-1] for ending in SHOWN_AGAIN), naming.SHOWN_ENDS)
    add(("hentry", "type-post"), naming.POST_TOKEN)
    return _table({fnv(word): mask for word, mask in bits.items()})


def _roles() -> Table:
    """Return the open hash table of what roles and itemprops say, the latter's keys inverted."""
    roles = {fnv(role): sum(names) for role, names in _SAID_BY_ROLE.items()}
    return _table(roles | {~fnv(name): sum(names) for name, names in _SAID_BY_PROPERTY.items()})


def _table(bits: dict[np.uint64, int]) -> Table:
    keys, masks = np.zeros(_SLOTS, np.uint64), np.zeros(_SLOTS, np.int64)
    for key, mask in bits.items():
        slot = int(key) % _SLOTS
        while keys[slot]:
            slot = (slot + 1) % _SLOTS
        keys[slot], masks[slot] = key, mask
    return keys, masks


_WORDS: Final = _words()
_ROLES: Final = _roles()
_MEMO: Final = np.zeros((_REMEMBERED, 2), np.uint64)
