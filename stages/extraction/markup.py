"""The compiled pass that finds the tags in the markup that lexbor writes of a parsed page.

Such markup is regular, however broken the page was: every element is closed in its order, every
value stands in double quotes, and `<` in text is written as `&lt;`. One call reads every byte
once. Whatever the bytes are, no index leaves its array, and the work grows with their number.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numba import njit

# Flags of tags. They stand here because numba's cache notices changes to this file only.
CLOSING: Final = 1
HAS_ATTRIBUTES: Final = 2
HIDDEN: Final = 4
HAS_LINK: Final = 8
LINKS_INSIDE: Final = 16  # to a place on the same page
TINY: Final = 32  # declared as narrower or lower than an icon
BEFORE_TEXT: Final = 64  # what stands between it and the next tag is not all white space

# What is to be read of a kind of tag.
READ_NOTHING: Final = 0
READ_BOX: Final = 1  # names: class and id
READ_INLINE: Final = 2  # names: class
READ_PICTURE: Final = 3  # names: class

# Traits of a kind of tag.
VOID: Final = 1  # has no children and no closing tag
RAW: Final = 2  # its text ends at its own closing tag only
IS_BODY: Final = 4  # an element that hardly any boilerplate holds
UNREAD: Final = 8  # names inside it are of no interest

FNV_BASIS: Final = np.uint64(0xCBF29CE484222325)
_FNV_PRIME: Final = np.uint64(0x100000001B3)

_SPACE: Final = 32
_QUOTE: Final = 34
_SLASH: Final = 47
_LESS: Final = 60
_EQUALS: Final = 61
_GREATER: Final = 62
_CAPITAL_A: Final = 65
_CAPITAL_Z: Final = 90


def fnv(text: str, basis: np.uint64 = FNV_BASIS) -> np.uint64:
    """Return the FNV-1a hash of a text's bytes, as the compiled functions make it."""
    value = int(basis)
    for byte in text.encode():
        value = (value ^ byte) * int(_FNV_PRIME) & 0xFFFFFFFFFFFFFFFF
    return np.uint64(value)


SEEDS: Final = tuple(fnv(kind) for kind in ("inline", "picture"))
"""What hashes of names begin with, so that a class means its own thing on each kind of tag."""
_SEED_INLINE, _SEED_PICTURE = SEEDS
_CLASS, _ID, _ROLE, _STYLE = fnv("class"), fnv("id"), fnv("role"), fnv("style")
_PROPERTY, _HIDDEN, _ARIA_HIDDEN = fnv("itemprop"), fnv("hidden"), fnv("aria-hidden")
_HREF, _ALT, _WIDTH, _HEIGHT = fnv("href"), fnv("alt"), fnv("width"), fnv("height")
_TRUE: Final = fnv("true")
_BODY_PROPERTY: Final = fnv("articlebody")
_DISPLAY_NONE: Final = np.frombuffer(b"display:none", np.uint8)
_SMALLEST_EDGE_PX: Final = 33  # as `images.SMALLEST_EDGE_PX`
_PIXELS: Final = np.frombuffer(b"px", np.uint8)


@njit(cache=True, nogil=True)
def _hash(data, at, end, value):  # type: ignore[no-untyped-def]
    for p in range(at, end):
        value = (value ^ np.uint64(data[p])) * _FNV_PRIME
    return value


@njit(cache=True, nogil=True)
def _hash_word(data, at, end):  # type: ignore[no-untyped-def]
    """Return the hash of a value in lower case, without the spaces around it."""
    while at < end and data[at] <= _SPACE:
        at += 1
    while at < end and data[end - 1] <= _SPACE:
        end -= 1
    value = FNV_BASIS
    for p in range(at, end):
        byte = data[p]
        if _CAPITAL_A <= byte <= _CAPITAL_Z:
            byte += 32
        value = (value ^ np.uint64(byte)) * _FNV_PRIME
    return value


@njit(cache=True, nogil=True)
def _hides(data, at, end):  # type: ignore[no-untyped-def]
    """Tell whether a style holds `display:none`, whatever spaces are in it."""
    matched = 0
    for p in range(at, end):
        byte = data[p]
        if byte <= _SPACE:
            continue
        if _CAPITAL_A <= byte <= _CAPITAL_Z:
            byte += 32
        if byte == _DISPLAY_NONE[matched]:
            matched += 1
            if matched == len(_DISPLAY_NONE):
                return True
        else:
            matched = 1 if byte == _DISPLAY_NONE[0] else 0
    return False


@njit(cache=True, nogil=True)
def _is_tiny(data, at, end):  # type: ignore[no-untyped-def]
    """Tell whether a width or height, `24`, `24.0` or `24px`, is that of an icon."""
    while at < end and data[at] <= _SPACE:
        at += 1
    value = digits = 0
    while at < end and 48 <= data[at] <= 57:
        value = min(value * 10 + (data[at] - 48), 1 << 20)
        digits += 1
        at += 1
    if at < end and data[at] == 46:
        at += 1
        while at < end and 48 <= data[at] <= 57:
            at += 1
    matched = 0
    while at < end:
        if matched < 2 and data[at] == _PIXELS[matched]:
            matched += 1
        elif data[at] > _SPACE:
            return False
        at += 1
    return digits > 0 and matched != 1 and value < _SMALLEST_EDGE_PX


@njit(cache=True, nogil=True)
def _read_box(data, name, at, end, tag):  # type: ignore[no-untyped-def]
    """Note one attribute of an element that may hold text."""
    if name == _CLASS:
        tag.class_at, tag.class_end = at, end
    elif name == _ID:
        tag.extra_at, tag.extra_end = at, end
    elif name == _ROLE and end > at:
        tag.role = _hash_word(data, at, end)
    elif name == _PROPERTY and end > at:
        tag.property = _hash_word(data, at, end)
    elif name == _HIDDEN:
        tag.flags |= HIDDEN
    elif name == _ARIA_HIDDEN:
        if _hash(data, at, end, FNV_BASIS) == _TRUE:
            tag.flags |= HIDDEN
    elif name == _STYLE and _hides(data, at, end):
        tag.flags |= HIDDEN


@njit(cache=True, nogil=True)
def _read_inline(data, name, at, end, tag):  # type: ignore[no-untyped-def]
    """Note one attribute of an element inside a line, links among them."""
    if name == _HREF:
        tag.flags |= HAS_LINK
        if end > at and data[at] == 35:
            tag.flags |= LINKS_INSIDE
    else:
        _read_box(data, name, at, end, tag)


@njit(cache=True, nogil=True)
def _read_picture(data, name, at, end, tag):  # type: ignore[no-untyped-def]
    if name == _CLASS:
        tag.class_at, tag.class_end = at, end
    elif name == _ALT:
        tag.extra_at, tag.extra_end = at, end
    elif (name in (_WIDTH, _HEIGHT)) and _is_tiny(data, at, end):
        tag.flags |= TINY


@njit(cache=True, nogil=True)
def _read_attributes(data, p, tag, reads):  # type: ignore[no-untyped-def]
    """Read what follows the name of a tag; return the place behind the tag."""
    n = len(data)
    while p < n and data[p] != _GREATER:
        p += 1
        name, start = FNV_BASIS, p
        while p < n and data[p] != _GREATER:
            if data[p] == _EQUALS and p > start and p + 1 < n and data[p + 1] == _QUOTE:
                break
            name = (name ^ np.uint64(data[p])) * _FNV_PRIME
            p += 1
        if p >= n or data[p] == _GREATER:
            break
        p += 2
        at = p
        while p < n and data[p] != _QUOTE:
            p += 1
        tag.flags |= HAS_ATTRIBUTES
        if reads == READ_BOX:
            _read_box(data, name, at, p, tag)
        elif reads == READ_INLINE:
            _read_inline(data, name, at, p, tag)
        elif reads == READ_PICTURE:
            _read_picture(data, name, at, p, tag)
        p += 1
    _hash_names(data, tag, reads)
    return min(p + 1, n)


@njit(cache=True, nogil=True)
def _hash_names(data, tag, reads):  # type: ignore[no-untyped-def]
    has_class, has_id = tag.class_end > tag.class_at, tag.extra_end > tag.extra_at
    if reads == READ_BOX and (has_class or has_id):
        tag.names = 1
    elif reads == READ_INLINE and has_class:
        tag.names = _hash(data, tag.class_at, tag.class_end, _SEED_INLINE)
    elif reads == READ_PICTURE and has_class:
        tag.names = _hash(data, tag.class_at, tag.class_end, _SEED_PICTURE)


@njit(cache=True, nogil=True)
def _after(data, p, first, second, last):  # type: ignore[no-untyped-def]
    """Return the place behind the next three bytes in a row, or the end."""
    for q in range(p, len(data) - 2):
        if data[q] == first and data[q + 1] == second and data[q + 2] == last:
            return q + 3
    return len(data)


@njit(cache=True, nogil=True)
def _end_of_raw(data, p, name_at, name_end):  # type: ignore[no-untyped-def]
    """Return where the closing tag of an element of raw text begins, or the end."""
    size = name_end - name_at
    for q in range(p, len(data) - size - 2):
        if data[q] == _LESS and data[q + 1] == _SLASH and data[q + 2 + size] == _GREATER:
            equal = True
            for k in range(size):
                equal = equal and data[q + 2 + k] == data[name_at + k]
            if equal:
                return q
    return len(data)


@njit(cache=True, nogil=True)
def _kind_of_tag(data, at, end, keys, kinds):  # type: ignore[no-untyped-def]
    """Return the number of a tag's kind, 0 when unknown; `keys` is an open hash table."""
    value = _hash(data, at, end, FNV_BASIS)
    mask = np.uint64(len(keys) - 1)
    slot = value & mask
    while keys[slot] != 0:
        if keys[slot] == value:
            return kinds[slot]
        slot = (slot + np.uint64(1)) & mask
    return 0


@njit(cache=True, nogil=True)
def _read_text(data, p):  # type: ignore[no-untyped-def]
    """Return the end of text, its length in characters, and whether a reader sees any of it."""
    n, length, visible = len(data), 0, False
    while p < n and data[p] != _LESS:
        step = 1
        if not visible and data[p] > _SPACE:
            step = _invisible(data, p)
            visible = step == 0
            step = max(step, 1)
        length += (data[p] & 0xC0) != 0x80
        p += step
    return p, length, visible


@njit(cache=True, nogil=True)
def _invisible(data, p):  # type: ignore[no-untyped-def]
    """Return how many bytes a white or invisible character beyond ASCII takes, 0 for others."""
    n, first = len(data), data[p]
    if first == 38 and p + 5 < n and data[p + 1] == 110 and data[p + 5] == 59:  # &nbsp;
        return 6
    if first == 0xC2 and p + 1 < n and (data[p + 1] == 0x85 or data[p + 1] == 0xAD):
        return 2
    if p + 2 >= n:
        return 0
    second, third = data[p + 1], data[p + 2]
    if first == 0xE2 and second == 0x80:
        is_space = 0x80 <= third <= 0x8B or 0xA8 <= third <= 0xA9 or third == 0xAF
        return 3 if is_space else 0
    if first == 0xE2 and second == 0x81:
        return 3 if third == 0x9F or third == 0xA0 else 0
    other = (0xE1, 0x9A, 0x80), (0xE3, 0x80, 0x80), (0xEF, 0xBB, 0xBF)
    for one in other:
        if first == one[0] and second == one[1] and third == one[2]:
            return 3
    return 0


@njit(cache=True, nogil=True)
def _clear(tag, at, text, bodies):  # type: ignore[no-untyped-def]
    tag.at, tag.text, tag.bodies = at, text, bodies
    tag.tag = tag.flags = 0
    tag.class_at = tag.class_end = tag.extra_at = tag.extra_end = 0
    tag.names = tag.role = tag.property = 0


@njit(cache=True, nogil=True)
def scan(data, keys, kinds, reads, traits, tags, opened):  # type: ignore[no-untyped-def]
    """Fill `tags`, which is long enough; return how many there are.

    Args:
        data: uint8[B], markup in UTF-8.
        keys: uint64[K], K a power of two: hashes of the names of known tags, 0 where free.
        kinds: int16[K], the number of the kind of each.
        reads: int8[T], what is to be read of each kind.
        traits: int8[T], bits VOID, RAW and IS_BODY of each kind.
        tags: record[L] of dtype TAG, L the number of `<` in `data`.
        opened: int32[L], room for the open elements.
    """
    n = len(data)
    zero: Any = np.int64(0)  # a literal would be compiled for besides
    p = count = depth = text = bodies = zero
    unread = n  # depth of the outermost open element whose inside is of no interest
    while p < n:
        if data[p] != _LESS:
            p, length, visible = _read_text(data, p)
            text += length
            if visible and count:
                tags[count - 1].flags |= BEFORE_TEXT
            continue
        tag = tags[count]
        _clear(tag, p, text, bodies)
        tag.match = count
        start = p + 1
        if start < n and (data[start] == 33 or data[start] == 63):  # a comment, or <?...>
            is_comment = start + 1 < n and data[start + 1] == 45
            p = _after(data, start, 45, 45, _GREATER) if is_comment else p
            while not is_comment and p < n and data[p] != _GREATER:
                p += 1
            tag.tag = -1
            p = tag.end = min(p if is_comment else p + 1, n)
        elif start < n and data[start] == _SLASH:
            while p < n and data[p] != _GREATER:
                p += 1
            p = tag.end = min(p + 1, n)
            tag.flags, tag.tag = CLOSING, -1
            if depth:
                depth -= 1
                unread = n if depth <= unread else unread
                tag.match, tag.tag = opened[depth], tags[opened[depth]].tag
                tags[opened[depth]].match = count
        else:
            while p < n and data[p] != _GREATER and data[p] != _SPACE:
                p += 1
            kind = _kind_of_tag(data, start, p, keys, kinds)
            tag.tag, name_end = kind, p
            p = tag.end = _read_attributes(data, p, tag, reads[kind])
            bodies += traits[kind] & IS_BODY != 0 or tag.property == _BODY_PROPERTY
            if depth > unread:
                tag.names = 0
            if not traits[kind] & VOID:
                if traits[kind] & UNREAD and depth < unread:
                    unread = depth
                opened[depth] = count
                depth += 1
            if traits[kind] & RAW:
                p = _end_of_raw(data, p, start, name_end)
        count += 1
    while depth:  # never closed: up to the end
        depth -= 1
        tags[opened[depth]].match = count - 1
    return count
