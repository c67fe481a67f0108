"""The compiled pass that cuts a page down before it is parsed: what no later pass reads goes.

Half of a page of today is scripts, styles, comments, drawings, data attributes and indentation;
the parser would build them all. This pass reads tags as the HTML standard's tokenizer does
(whatwg, section 13.2.5), so that what it leaves is parsed into the same elements and text. Where
it is in doubt it copies the rest as it stands.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from numba import njit

from stages.extraction.markup import fnv

# What is done with a tag, as told by its name; for other tags attributes of no interest are cut.
# All constants stand here because numba's cache notices changes to this file only.
UNKNOWN, CUT, WHOLE, SCRIPT, STYLE, DRAWING, RAW, VERBATIM, REST = range(9)
KEPT: Final = 64
"""What the name of an attribute that is kept stands for, in the table of tags' names."""

_FNV_BASIS: Final = np.uint64(0xCBF29CE484222325)
_FNV_PRIME: Final = np.uint64(0x100000001B3)
_SPACE, _BANG, _QUOTE, _APOSTROPHE, _DASH, _SLASH = 32, 33, 34, 39, 45, 47
_LESS, _EQUALS, _GREATER, _QUESTION_MARK = 60, 61, 62, 63
_TEX: Final = np.frombuffer(b"math/tex", np.uint8)
_SCRIPT: Final = np.frombuffer(b"script", np.uint8)
_STYLE: Final = np.frombuffer(b"style", np.uint8)
_DRAWING: Final = np.frombuffer(b"svg", np.uint8)
_TITLE: Final = np.frombuffer(b"title", np.uint8)
_KEEP, _DROP = np.bool_(True), np.bool_(False)  # of Python's, each would be compiled for
_NORMAL, _ESCAPED, _TWICE_ESCAPED = 0, 1, 2


@njit(cache=True, nogil=True)
def _lower(byte):  # type: ignore[no-untyped-def]
    return byte + np.uint8(32) if 65 <= byte <= 90 else byte


@njit(cache=True, nogil=True)
def _meaning(value, names):  # type: ignore[no-untyped-def]
    """Return what the hash of a name of a tag or attribute stands for, UNKNOWN if nothing."""
    last = np.uint64(len(names) - 1)
    slot = value & last
    while names[slot].key != 0:
        if names[slot].key == value:
            return np.int64(names[slot].what)
        slot = (slot + np.uint64(1)) & last
    return np.int64(UNKNOWN)


@njit(cache=True, nogil=True)
def _is_letter(byte):  # type: ignore[no-untyped-def]
    return 97 <= (byte | np.uint8(32)) <= 122


@njit(cache=True, nogil=True)
def _is_word(data, at, word):  # type: ignore[no-untyped-def]
    """Tell whether a word in lower case stands at a place."""
    if at + len(word) > len(data):
        return False
    same = 0
    while same < len(word) and _lower(data[at + same]) == word[same]:
        same += 1
    return same == len(word)


@njit(cache=True, nogil=True)
def _is_name(data, at, word):  # type: ignore[no-untyped-def]
    """Tell whether the whole name of a tag stands at a place."""
    end = at + len(word)
    if end >= len(data) or not _is_word(data, at, word):
        return False
    return data[end] <= _SPACE or data[end] == _SLASH or data[end] == _GREATER


@njit(cache=True, nogil=True)
def _name(data, p, names):  # type: ignore[no-untyped-def]
    """Return the end of a tag's name, and what is done with it."""
    value = _FNV_BASIS
    while p < len(data) and data[p] > _SPACE and data[p] != _SLASH and data[p] != _GREATER:
        value = (value ^ np.uint64(_lower(data[p]))) * _FNV_PRIME
        p += 1
    return p, _meaning(value, names) & (KEPT - 1)


@njit(cache=True, nogil=True)
def _copy(data, at, end, out, to):  # type: ignore[no-untyped-def]
    for p in range(at, end):
        out[to] = data[p]
        to += 1
    return to


@njit(cache=True, nogil=True)
def _end_of_value(data, p):  # type: ignore[no-untyped-def]
    """Return the place behind the value that begins at or after a place."""
    n = len(data)
    while p < n and data[p] <= _SPACE:
        p += 1
    if p < n and (data[p] == _QUOTE or data[p] == _APOSTROPHE):
        quote = data[p]
        p += 1
        while p < n and data[p] != quote:
            p += 1
        return p + 1
    while p < n and data[p] > _SPACE and data[p] != _GREATER:
        p += 1
    return p


@njit(cache=True, nogil=True)
def _attributes(data, p, names, kept, out, to):  # type: ignore[no-untyped-def]
    """Copy the attributes that are kept; return the place behind the tag and that in `out`."""
    n = len(data)
    while p < n:
        while p < n and (data[p] <= _SPACE or data[p] == _SLASH):
            p += 1
        if p < n and data[p] == _GREATER:
            return p + 1, to
        at, value = p, _FNV_BASIS
        while p < n and data[p] > _SPACE and data[p] != _SLASH and data[p] != _GREATER:
            if data[p] == _EQUALS and p > at:
                break
            value = (value ^ np.uint64(_lower(data[p]))) * _FNV_PRIME
            p += 1
        end = p
        while p < n and data[p] <= _SPACE:
            p += 1
        if p < n and data[p] == _EQUALS:
            p = _end_of_value(data, p + 1)
            stop = p
        else:
            stop = end
        if kept and stop < n and _meaning(value, names) & KEPT:
            out[to] = _SPACE
            to = _copy(data, at, stop, out, to + 1)
    return n + 1, to


@njit(cache=True, nogil=True)
def _end_of_comment(data, p):  # type: ignore[no-untyped-def]
    """Return the place behind a comment whose `<!--` ends before `p`, the end if it has none."""
    n, start = len(data), p
    if p < n and data[p] == _GREATER:
        return p + 1
    if p + 1 < n and data[p] == _DASH and data[p + 1] == _GREATER:
        return p + 2
    while p < n:
        if data[p] == _GREATER:
            last = p - 1 - (data[p - 1] == _BANG and p > start + 2)
            if data[last] == _DASH and data[last - 1] == _DASH:
                return p + 1
        p += 1
    return n


@njit(cache=True, nogil=True)
def _begins_comment(data, p):  # type: ignore[no-untyped-def]
    if p + 3 >= len(data) or data[p + 1] != _BANG:
        return False
    return data[p + 2] == _DASH and data[p + 3] == _DASH


@njit(cache=True, nogil=True)
def _end_of_script(data, p):  # type: ignore[no-untyped-def]
    """Return where the closing tag of a script begins, the end if it has none."""
    state, last = _NORMAL, len(data) - 2
    while p < last:
        if data[p] == _LESS:
            is_end = data[p + 1] == _SLASH and _is_name(data, p + 2, _SCRIPT)
            if is_end and state != _TWICE_ESCAPED:
                return p
            if is_end:
                state = _ESCAPED
            elif state == _ESCAPED and _is_name(data, p + 1, _SCRIPT):
                state = _TWICE_ESCAPED
            elif state == _NORMAL and _begins_comment(data, p):
                state, p = _ESCAPED, p + 1
        elif state and data[p] == _DASH and data[p + 1] == _DASH and data[p + 2] == _GREATER:
            state = _NORMAL
        p += 1
        while p < last and data[p] != _LESS and not state:
            p += 1
    return len(data)


@njit(cache=True, nogil=True)
def _end_of_raw(data, p, name):  # type: ignore[no-untyped-def]
    """Return where the closing tag of an element of raw text begins, the end if it has none."""
    while p + 2 < len(data):
        if data[p] == _LESS and data[p + 1] == _SLASH and _is_name(data, p + 2, name):
            return p
        p += 1
    return len(data)


@njit(cache=True, nogil=True)
def _end_of_drawing(data, p, names):  # type: ignore[no-untyped-def]
    """Return where the closing tag of a drawing begins, -1 if there is anything else in it."""
    while p + 2 < len(data):
        if data[p] == _LESS:
            if data[p + 1] == _SLASH and _is_name(data, p + 2, _DRAWING):
                return p
            if _is_letter(data[p + 1]):
                _, what = _name(data, p + 1, names)
                if what != UNKNOWN and what != STYLE and not _is_name(data, p + 1, _TITLE):
                    return -1
            elif data[p + 1] == _BANG:
                return -1
        p += 1
    return -1


@njit(cache=True, nogil=True)
def _holds(data, at, end, word):  # type: ignore[no-untyped-def]
    for p in range(at, end - len(word) + 1):
        if data[p] == word[0] and _is_word(data, p, word):
            return True
    return False


@njit(cache=True, nogil=True)
def _behind(data, p):  # type: ignore[no-untyped-def]
    """Return the place behind the next `>`, or the end."""
    while p < len(data) and data[p] != _GREATER:
        p += 1
    return min(p + 1, len(data))


@njit(cache=True, nogil=True)
def _text(data, p, verbatim, out, to):  # type: ignore[no-untyped-def]
    """Copy text up to the next `<`, with one blank for each run of white space."""
    after_blank = False
    while p < len(data) and data[p] != _LESS:
        byte = data[p]
        is_blank = byte == _SPACE or 9 <= byte <= 13
        if verbatim or not is_blank:
            out[to] = byte
            to += 1
        elif not after_blank:
            out[to] = _SPACE
            to += 1
        after_blank = is_blank
        p += 1
    return p, to


@njit(cache=True, nogil=True)
def _open(data, p, names, out, to):  # type: ignore[no-untyped-def]
    """Read an opening tag; return the place behind what it cuts or copies, that in `out`, its
    kind. A place beyond the end says that the rest is to be copied."""
    n = len(data)
    name_end, what = _name(data, p + 1, names)
    if what in (CUT, VERBATIM):
        start = to
        to = _copy(data, p, name_end, out, to)
        after, to = _attributes(data, name_end, names, _KEEP, out, to)
        if after > n:
            return after, start, what
        out[to] = _GREATER
        return after, to + 1, what
    after, _ = _attributes(data, name_end, names, _DROP, out, to)
    if after > n or what == REST:
        return np.int64(n + 1), to, what
    stop = after
    if what == SCRIPT:
        stop = _end_of_script(data, after)
        if not _holds(data, name_end, after, _TEX):
            return _behind(data, stop), to, what
    elif what == STYLE:
        return _behind(data, _end_of_raw(data, after, _STYLE)), to, what
    elif what == DRAWING:
        stop = _end_of_drawing(data, after, names)
        if stop >= 0:
            return _behind(data, stop), to, what
        stop = after
    elif what == RAW:
        stop = _end_of_raw(data, after, data[p + 1 : name_end])
    return stop, _copy(data, p, stop, out, to), what


@njit(cache=True, nogil=True)
def trim(data, names, out):  # type: ignore[no-untyped-def]
    """Write a page without what is not read of it; return how many bytes were written.

    Scripts other than TeX, styles, comments, drawings, and attributes without a use go, and runs
    of white space outside of preformatted text become one blank.

    Args:
        data: uint8[B], HTML in UTF-8.
        names: record[K] of key and what, K a power of two: an open hash table of names of tags
            and attributes in lower case, 0 where free; what is done with each, plus KEPT if an
            attribute of this name is kept.
        out: uint8[B + B // 4 + 1]; attributes without white space between them get some.
    """
    n, p, to, verbatim = len(data), np.int64(0), np.int64(0), np.int64(0)
    while p < n:
        byte = data[p]
        if byte != _LESS:
            p, to = _text(data, p, verbatim, out, to)
            continue
        following = data[p + 1] if p + 1 < n else np.uint8(0)
        if _is_letter(following):
            stop, to, what = _open(data, p, names, out, to)
            if stop > n:  # a tag that never ends
                return _copy(data, p, n, out, to)
            verbatim += what == VERBATIM
            p = stop
        elif following == _SLASH and p + 2 < n and _is_letter(data[p + 2]):
            end, what = _name(data, p + 2, names)
            stop, _ = _attributes(data, end, names, _DROP, out, to)
            if stop > n:
                return _copy(data, p, n, out, to)
            verbatim -= what == VERBATIM and verbatim > 0
            to = _copy(data, p, end, out, to)
            out[to] = _GREATER
            to, p = to + 1, stop
        elif _begins_comment(data, p):
            p = _end_of_comment(data, p + 4)
        elif following in (_BANG, _QUESTION_MARK, _SLASH):
            stop = _behind(data, p)
            to, p = _copy(data, p, stop, out, to), stop
        else:
            out[to] = byte
            to, p = to + 1, p + 1
    return to


_TAGS: Final = {
    CUT: """a abbr address article aside b bdi bdo big blockquote button caption center cite code
        col colgroup dd del details dfn dialog dir div dl dt em fieldset figcaption figure font
        footer form h1 h2 h3 h4 h5 h6 header hgroup hr i input ins kbd label legend li main map
        mark menu nav nobr noscript object ol optgroup option p picture q rp rt ruby s samp section
        select small span strike strong sub summary sup table tbody td tfoot th thead tr tt u ul
        var""",
    WHOLE: "area audio base body br embed head html image img link meta param source time video",
    SCRIPT: "script",
    STYLE: "style",
    DRAWING: "svg",
    RAW: "iframe noembed noframes textarea title xmp",
    VERBATIM: "listing pre",
    REST: "plaintext",
}
_KEPT_ATTRIBUTES: Final = """
    class id role itemprop hidden aria-hidden style rel href datetime content lang
"""
_SLOTS: Final = 1 << 10


def _table() -> npt.NDArray[np.void]:
    bits = {name: what for what, names in _TAGS.items() for name in names.split()}
    for name in _KEPT_ATTRIBUTES.split():
        bits[name] = bits.get(name, 0) | KEPT
    table = np.zeros(_SLOTS, np.dtype([("key", np.uint64), ("what", np.int64)]))
    for name, bit in bits.items():
        slot = int(key := fnv(name)) % _SLOTS
        while table[slot]["key"]:
            slot = (slot + 1) % _SLOTS
        table[slot] = key, bit
    return table


_TABLE: Final = _table()


def trimmed(html: bytes) -> bytes:
    """Return a page in UTF-8 without scripts, styles, comments and what else is never read."""
    out = np.empty(len(html) + len(html) // 4 + 1, np.uint8)
    return out[: trim(np.frombuffer(html, np.uint8), _TABLE, out)].tobytes()
