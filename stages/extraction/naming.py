"""The compiled pass that reads class names and ids word by word.

A crawl shows tens of names never seen before on each page of a new site, so that this must be
as fast as the other passes; `names` says what the words are, and how the results are read.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit

# Bits of words, as in `vocabulary`; they stand here too because numba's cache notices changes to
# this file only.
NOUN, BODY, PROSE, MAIN, PART, LEAD, CAPTION = (1 << bit for bit in (0, 1, 2, 3, 4, 6, 7))
NAV, RELATED, META, HIDDEN, MORE, SITE = (1 << bit for bit in (8, 13, 15, 18, 19, 20))
HEADER, RICH, TEASER, KEPT = (1 << bit for bit in (21, 22, 23, 25))
STRONG_JUNK: Final = 1 << 14 | 1 << 13 | 1 << 10
"""Junk that is believed of an element that another of its tokens calls an article."""
JUNK: Final = (1 << 19) - (1 << 8)

# Bits of the table of words and tokens beside those.
KNOWN: Final = 1 << 26
STATE_PREFIX: Final = 1 << 27
STATE_ENDING: Final = 1 << 28
HIDDEN_TOKEN: Final = 1 << 29
KEPT_TOKEN: Final = 1 << 30
POST_TOKEN: Final = 1 << 31
SHOWN_AGAIN: Final = 1 << 32
BAR_MODIFIER: Final = 1 << 33
STATE_PAIR: Final = 1 << 34
PAIR_BEGINS: Final = 1 << 36
SHOWN_ENDS: Final = 1 << 37
DROPPED_TOKEN: Final = 1 << 38
_UNKNOWN: Final = 1 << 35

DROPPED: Final = 1 << 3
"""What the class of an element inside a line may say, as in `gather`."""
_READ_BOX, _READ_INLINE = 1, 2  # as in `markup`

LONGEST_NAME: Final = 400
LONGEST_PAIR: Final = 13
_LONGEST_WORD: Final = 24
_SHORTEST_PART: Final = 3
_STRONG_TIER: Final = 4
_TIER: Final = 7

_FNV_BASIS: Final = np.uint64(0xCBF29CE484222325)
_FNV_PRIME: Final = np.uint64(0x100000001B3)
_SPACE: Final = 32
_DASH: Final = 45
_COLON: Final = 58
_UNDERSCORE: Final = 95
_S: Final = 115


@njit(cache=True, nogil=True)
def _is_upper(byte):  # type: ignore[no-untyped-def]
    return 65 <= byte <= 90


@njit(cache=True, nogil=True)
def _is_lower(byte):  # type: ignore[no-untyped-def]
    return 97 <= byte <= 122


@njit(cache=True, nogil=True)
def _hash(data, at, end, value):  # type: ignore[no-untyped-def]
    """Return the FNV-1a hash of bytes in lower case, going on from another."""
    for p in range(at, end):
        byte = data[p] + 32 if _is_upper(data[p]) else data[p]
        value = (value ^ np.uint64(byte)) * _FNV_PRIME
    return value


@njit(cache=True, nogil=True)
def _find(value, keys, masks):  # type: ignore[no-untyped-def]
    """Return the bits of a hash, 0 when unknown."""
    last = np.uint64(len(keys) - 1)
    slot = value & last
    while keys[slot] != 0:
        if keys[slot] == value:
            return masks[slot]
        slot = (slot + np.uint64(1)) & last
    return np.int64(0)


@njit(cache=True, nogil=True)
def _known(data, at, end, keys, masks):  # type: ignore[no-untyped-def]
    """Return the bits of a word or of its singular, 0 when unknown."""
    before, value = _FNV_BASIS, _FNV_BASIS
    for p in range(at, end):
        before, value = value, _hash(data, p, p + 1, value)
    return _of_hashes(data, end, before, value, keys, masks)


@njit(cache=True, nogil=True)
def _of_hashes(data, end, before, value, keys, masks):  # type: ignore[no-untyped-def]
    """Return the bits of a word from its hash, and from that of all but its last letter."""
    found = _find(value, keys, masks)
    if not found & KNOWN and (data[end - 1] | 32) == _S:
        found = _find(before, keys, masks)
    return found if found & KNOWN else np.int64(0)


@njit(cache=True, nogil=True)
def _look_up(data, at, end, keys, masks, prefixes):  # type: ignore[no-untyped-def]
    """Return the bits of a word, or of the two known words it is made of."""
    size = min(end - at, _LONGEST_WORD)
    prefixes[0] = _FNV_BASIS
    for k in range(size):
        prefixes[k + 1] = _hash(data, at + k, at + k + 1, prefixes[k])
    whole = _of_hashes(data, at + size, prefixes[size - 1], prefixes[size], keys, masks)
    if whole:
        return whole
    for cut in range(size - _SHORTEST_PART, _SHORTEST_PART - 1, -1):
        first = _of_hashes(data, at + cut, prefixes[cut - 1], prefixes[cut], keys, masks)
        if first:
            second = _known(data, at + cut, at + size, keys, masks)
            if second:
                return first | second
    return np.int64(_UNKNOWN)


@njit(cache=True, nogil=True)
def _next_word(data, at, end):  # type: ignore[no-untyped-def]
    """Return where the next word begins and ends: `HTMLBody` is two, `main2` is one."""
    while at < end and not (_is_upper(data[at]) or _is_lower(data[at]) or data[at] >= 0x80):
        at += 1
    stop = at
    if at < end and data[at] >= 0x80:
        while stop < end and data[stop] >= 0x80:
            stop += 1
        return at, stop
    while stop < end and _is_upper(data[stop]):
        stop += 1
    if stop < end and _is_lower(data[stop]):
        if stop - at > 1:
            return at, stop - 1
        while stop < end and _is_lower(data[stop]):
            stop += 1
    return at, stop


@njit(cache=True, nogil=True)
def _tells_a_state(data, at, end, keys, masks):  # type: ignore[no-untyped-def]
    """Tell whether a token says how the page is, as `menu-item-7` or `header-active`."""
    value = _FNV_BASIS
    begins_pair = _find(_hash(data, at, at + 1, value), keys, masks) & PAIR_BEGINS != 0
    for p in range(at, min(end, at + LONGEST_PAIR) if begins_pair else at):
        value = _hash(data, p, p + 1, value)
        if _find(value, keys, masks) & STATE_PAIR:
            return True
    last = end
    while last > at and data[last - 1] != _DASH and data[last - 1] != _UNDERSCORE:
        last -= 1
    return last > at and _find(_hash(data, last, end, _FNV_BASIS), keys, masks) & STATE_ENDING != 0


@njit(cache=True, nogil=True)
def _without_modifier(data, at, end, keys, masks):  # type: ignore[no-untyped-def]
    """Return the end of a token without a modifier as in `section--has-sidebar`."""
    for p in range(at, end - 3):
        if data[p] == _DASH and data[p + 1] == _DASH:
            stop = p + 2
            while stop < end and data[stop] != _DASH:
                stop += 1
            word = _find(_hash(data, p + 2, stop, _FNV_BASIS), keys, masks)
            if stop < end and word & BAR_MODIFIER:
                return p
    return end


@njit(cache=True, nogil=True)
def _mask(data, at, end, keys, masks):  # type: ignore[no-untyped-def]
    """Return the bits of all words of a token, 0 when it has none or tells a state."""
    if _tells_a_state(data, at, end, keys, masks):
        return np.int64(0)
    end = _without_modifier(data, at, end, keys, masks)
    mask, count, before = np.int64(0), 0, at
    prefixes = np.empty(_LONGEST_WORD + 1, np.uint64)
    first, stop = _next_word(data, at, end)
    before_stop, begins_state = before, False
    while stop > first:
        if count == 0:
            word = _find(_hash(data, first, stop, _FNV_BASIS), keys, masks)
            begins_state = word & STATE_PREFIX != 0
        elif begins_state:
            return np.int64(0)
        else:  # side-bar
            pair = _hash(data, first, stop, _hash(data, before, before_stop, _FNV_BASIS))
            mask |= _find(pair, keys, masks)
        mask |= _look_up(data, first, stop, keys, masks, prefixes)
        count += 1
        before, before_stop = first, stop
        first, stop = _next_word(data, stop, end)
    return mask


@njit(cache=True, nogil=True)
def _tier(mask):  # type: ignore[no-untyped-def]
    """Return how well a token frames the main text."""
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


@njit(cache=True, nogil=True)
def _junk(mask):  # type: ignore[no-untyped-def]
    """Return the kinds of boilerplate that a token is named after."""
    junk = mask & JUNK
    if junk == META and mask & CAPTION:
        return np.int64(0)
    if mask & MORE and not mask & BODY:
        junk |= RELATED
    if mask & HEADER and mask & SITE:
        junk |= NAV
    return junk


@njit(cache=True, nogil=True)
def _token(data, at, end, keys, masks):  # type: ignore[no-untyped-def]
    """Return tier, junk and hints of a token in one number, with the flags of whole tokens."""
    whole = _find(_hash(data, at, end, _FNV_BASIS), keys, masks)
    flags = whole & (KEPT_TOKEN | POST_TOKEN)
    if whole & HIDDEN_TOKEN:
        return flags | HIDDEN
    last = end
    for p in range(at, end):
        if data[p] == _COLON:
            last = p
    ending = _find(_hash(data, end - 1, end, _FNV_BASIS), keys, masks)
    for p in range(max(at, end - 6) if ending & SHOWN_ENDS else end, end):  # `d-md-block`
        if _find(_hash(data, p, end, _FNV_BASIS), keys, masks) & SHOWN_AGAIN:
            flags |= SHOWN_AGAIN
    if last < end:
        return flags
    mask = _mask(data, at, end, keys, masks)
    if mask & TEASER:
        mask |= LEAD if mask & BODY else RELATED
    junk = _junk(mask)
    return flags | mask & (LEAD | CAPTION) | (junk if junk else _tier(mask))


@njit(cache=True, nogil=True)
def _classify(data, ranges, keys, masks):  # type: ignore[no-untyped-def]
    """Return what a class and an id say, packed."""
    tier, rest = np.int64(0), np.int64(0)
    for at, end in ranges:
        end = min(end, at + LONGEST_NAME)
        while at < end:
            while at < end and data[at] <= _SPACE:
                at += 1
            stop = at
            while stop < end and data[stop] > _SPACE:
                stop += 1
            if stop > at:
                found = _token(data, at, stop, keys, masks)
                tier, rest = max(tier, found & 7), rest | found & ~7
            at = stop
    hints = rest & (LEAD | CAPTION)
    junk = rest & JUNK
    if rest & KEPT_TOKEN:
        return tier | hints | KEPT
    if rest & POST_TOKEN:
        junk = np.int64(0)
    elif tier >= _STRONG_TIER:
        junk &= STRONG_JUNK
    if rest & SHOWN_AGAIN:
        junk &= ~HIDDEN
    return tier | hints | junk


@njit(cache=True, nogil=True)
def _of_box(data, tag, words, memo):  # type: ignore[no-untyped-def]
    """Return what class and id say, from the memo if these very names were read before."""
    keys, masks = words
    ranges = (
        (np.int64(tag.class_at), np.int64(tag.class_end)),
        (np.int64(tag.extra_at), np.int64(tag.extra_end)),
    )
    value = _FNV_BASIS
    for at, end in ranges:  # as written: `searchBar` is two words, `searchbar` one
        for p in range(at, end):
            value = (value ^ np.uint64(data[p])) * _FNV_PRIME
        value = (value ^ np.uint64(1)) * _FNV_PRIME
    slot = value & np.uint64(len(memo) - 1)
    if memo[slot, 0] != value:
        memo[slot, 0], memo[slot, 1] = value, np.uint64(_classify(data, ranges, keys, masks))
    return np.int32(memo[slot, 1])


@njit(cache=True, nogil=True)
def _of_phrase(data, at, end, words):  # type: ignore[no-untyped-def]
    """Return DROPPED if the class of an element inside a line says to leave it out."""
    keys, masks = words
    while at < end:
        value = _FNV_BASIS
        while at < end and data[at] > _SPACE:
            value = _hash(data, at, at + 1, value)
            at += 1
        if _find(value, keys, masks) & DROPPED_TOKEN:
            return np.int32(DROPPED)
        at += 1
    return np.int32(0)


@njit(cache=True, nogil=True)
def classify_tags(data, tags, reads, words, roles, memo, said, unknown):  # type: ignore[no-untyped-def]
    """Set what the names, role and itemprop of tags say; return how many are not known.

    Those are pictures with names that the memo lacks: their indices are written to `unknown`,
    and their names say nothing yet.

    Args:
        data: uint8[B], markup in UTF-8.
        tags: record[T] of dtype `records.TAG`.
        reads: int8[K], what is read of each kind of tag.
        words: uint64[W] and int64[W], W a power of two: hashes of words and tokens, 0 where free,
            and the bits of each.
        roles: the same of roles, and of itemprops inverted.
        memo: uint64[M, 2], M a power of two: hashes of names that were read, and what they say;
            later names take the place of earlier ones.
        said: int32[T], set: tier, junk, and other bits of `gather`.
        unknown: int32[T], set.
    """
    count = 0
    for i in range(len(tags)):
        tag = tags[i]
        known = np.int32(0)
        read = reads[max(tag.tag, 0)]
        if tag.names and read == _READ_BOX:
            known = _of_box(data, tag, words, memo)
        elif tag.names and read == _READ_INLINE:
            known = _of_phrase(data, np.int64(tag.class_at), np.int64(tag.class_end), words)
        elif tag.names:
            slot = tag.names & np.uint64(len(memo) - 1)
            if memo[slot, 0] == tag.names:
                known = np.int32(memo[slot, 1])
            else:
                unknown[count] = i
                count += 1
        if tag.role or tag.property:
            role, what = _find(tag.role, *roles), _find(~tag.property, *roles)
            tier = max(known & _TIER, role & _TIER, what & _TIER)
            known = np.int32((known | role | what) & ~_TIER | tier)
        said[i] = known
    return count
