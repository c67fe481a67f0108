"""The compiled pass that gathers the text between tags into pieces, and elements into spans.

It walks the tags of a page in order and keeps its own books instead of a stack of calls, so that
neither depth nor breadth of a hostile page costs more than its number of tags. What it cannot
know, which picture an address shows or what a table holds, is settled afterwards from its notes.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit

# Kinds of pieces. All constants stand here because numba's cache notices changes to this file
# only; flags of tags are those of `markup`, segments those of `writing`.
PARAGRAPH, HEADING, ITEM, TABLE, CODE, FORMULA, QUOTE, CAPTION, IMAGE = range(9)

# Flags of pieces.
IN_LINE: Final = 1  # a picture with text before it in its line
CONTINUES: Final = 2  # text behind such a picture, in the same line
IN_NOSCRIPT: Final = 4

# What is done with a kind of tag. A light box gets no span if it has no attributes; a phrase is
# an inline element that its names may tell to leave out.
BOX, LIGHT_BOX, SKIPPED, INLINE, LINK, PHRASE, LINE_END, RULE, TEXT_OF_KIND = range(9)
LIST_ITEM, LIST, FIGURE, VERBATIM, PICTURE, SOURCE, SHOWN_IMAGE, NOSCRIPT = range(9, 17)
TABLE_BOX, ROW, CELL = range(17, 20)

# Bits of what names say beside the kinds of boilerplate of `vocabulary`.
TIER: Final = 7
DROPPED: Final = 1 << 3
ICON: Final = 1 << 4
GLYPH: Final = 1 << 5
CAPTION_NAME: Final = 1 << 7
TEX_NAME: Final = 1 << 24
_KEPT: Final = 1 << 25
HINTS: Final = 1 << 6 | CAPTION_NAME
JUNK: Final = (1 << 19) - (1 << 8)
COMMENT: Final = 1 << 14
HIDDEN_NAME: Final = 1 << 18

# What was noted for later.
FIGURE_READ, CAPTION_READ, TABLE_READ = range(3)

SMALL_JUNK: Final = 1500
"""Characters, whitespace included, up to which an element named as boilerplate is left unread."""
TINY_JUNK: Final = 300
"""Characters below which it is not even looked into for an article or a title."""

SAVED: Final = 7
"""Columns of what is kept of an open element until it is closed."""
_CLOSING, _HAS_ATTRIBUTES, _HIDDEN, _HAS_LINK = 1, 2, 4, 8
_LINKS_INSIDE, _TINY, _BEFORE_TEXT = 16, 32, 64
# Numbers that are handed on: of numpy, as for each of Python's functions would be compiled anew.
_NONE, _YES, _NO = np.int64(0), np.bool_(True), np.bool_(False)
_PLAIN, _LINKED, _LINE_BREAK, _VERBATIM, _VERBATIM_END, _TEX = map(np.int64, range(6))
_FIGURE, _CAPTION, _TABLE, _IMAGE = map(np.int64, (FIGURE_READ, CAPTION_READ, TABLE_READ, IMAGE))
_LIGHT: Final = -2  # in place of the span around an open element: it got none itself
_LONGEST_NOSCRIPT: Final = 3000


@njit(cache=True, nogil=True)
def _add_segment(books, segments, at, end, what):  # type: ignore[no-untyped-def]
    segment = segments[books.segments]
    segment.at, segment.end, segment.what = at, end, what
    books.segments += 1


@njit(cache=True, nogil=True)
def _add_text(books, segments, at, end, visible):  # type: ignore[no-untyped-def]
    """Add the text between two tags to the block being gathered."""
    if books.in_pre:
        _add_segment(books, segments, at, end, _VERBATIM)
        books.visible = 1
    elif not visible:
        if books.visible:
            _add_segment(books, segments, at, end, _PLAIN)
    elif not books.in_noscript:
        _add_segment(books, segments, at, end, _LINKED if books.in_link else _PLAIN)
        books.visible, books.breaks = 1, 0


@njit(cache=True, nogil=True)
def _add_piece(books, pieces, kind):  # type: ignore[no-untyped-def]
    """Return a new piece at the place that the walk has come to."""
    piece = pieces[books.pieces]
    books.pieces += 1
    piece.kind, piece.owner, piece.row, piece.cell = kind, books.span, books.row, books.cell
    piece.first = piece.last = books.segments
    piece.level = piece.flags = piece.tag = piece.sources = 0
    return piece


@njit(cache=True, nogil=True)
def _flush(books, pieces):  # type: ignore[no-untyped-def]
    """End the block being gathered; inside code there is only one block, so it goes on."""
    if books.in_pre:
        return
    if books.visible:
        piece = _add_piece(books, pieces, books.kind)
        piece.first, piece.level = books.block, books.level if books.kind != CODE else 0
        piece.flags = CONTINUES if books.continues else 0
        if books.kind == ITEM:  # what follows in the same item is its continuation
            books.kind, books.level = PARAGRAPH, 0
    books.block = books.segments
    books.visible = books.breaks = books.continues = 0


@njit(cache=True, nogil=True)
def _end_line(books, pieces, segments):  # type: ignore[no-untyped-def]
    """Add a line break; two in a row end the block."""
    if books.in_pre:
        _add_segment(books, segments, _NONE, _NONE, _LINE_BREAK)
        books.visible = 1
    elif books.breaks:
        _flush(books, pieces)
    elif books.visible:
        _add_segment(books, segments, _NONE, _NONE, _LINE_BREAK)
        books.breaks = 1
    else:
        books.continues = 0


@njit(cache=True, nogil=True)
def _note(books, notes, what, start, first_span):  # type: ignore[no-untyped-def]
    note = notes[books.notes]
    books.notes += 1
    note.what, note.start, note.stop = what, start, books.pieces
    note.first_span, note.last_span = first_span, books.spans


@njit(cache=True, nogil=True)
def _open(i, page, known, light, never_text):  # type: ignore[no-untyped-def]
    """Open a span for an element; return False to leave it out with all its children."""
    tags, said, books, saved, pieces, spans, _, _, _ = page
    _flush(books, pieces)
    tag = tags[i]
    saved[i, 0] = _LIGHT
    if light and not tag.flags & _HAS_ATTRIBUTES:
        return True
    names = said[i]
    tier = max(names & TIER, known & TIER)
    junk = (names | known) & JUNK
    if tag.flags & _HIDDEN:
        junk |= HIDDEN_NAME
    if books.everything or names & _KEPT:
        junk = 0
    elif junk & never_text and not books.in_junk and _is_small(tags, i):
        return False
    saved[i, 0] = books.span
    span = spans[books.spans]
    span.parent, span.start, span.stop = books.span, books.pieces, books.pieces
    span.tier, span.junk, span.hints, span.tag = tier, junk, names & HINTS, i
    books.span = books.spans
    books.spans += 1
    books.in_junk += junk != 0
    return True


@njit(cache=True, nogil=True)
def _is_small(tags, i):  # type: ignore[no-untyped-def]
    """Tell whether an element named as boilerplate is too small to be anything else."""
    last = tags[i].match
    size = tags[last].text - tags[i].text
    if size > SMALL_JUNK:
        return False
    return size < TINY_JUNK or tags[last].bodies == tags[min(i + 1, last)].bodies


@njit(cache=True, nogil=True)
def _close(i, page):  # type: ignore[no-untyped-def]
    """Close the innermost element, which the tag `i` opened."""
    _, _, books, saved, pieces, spans, segments, notes, _ = page
    _flush(books, pieces)
    if books.in_pre and books.visible:
        _add_segment(books, segments, _NONE, _NONE, _VERBATIM_END)
    if saved[i, 0] == _LIGHT:
        return
    span = spans[books.span]
    span.stop = books.pieces
    books.in_junk -= span.junk != 0
    if span.hints & CAPTION_NAME:
        _note(books, notes, _CAPTION, np.int64(span.start), books.span)
    books.span = saved[i, 0]


@njit(cache=True, nogil=True)
def _open_text(i, page, trait, never_text):  # type: ignore[no-untyped-def]
    """Open an element whose text is of one kind."""
    books, saved = page[2], page[3]
    if not _open(i, page, _NONE, _YES, never_text):
        return False
    saved[i, 1], saved[i, 2] = books.kind, books.level
    books.kind, books.level = trait.kind, trait.level
    if trait.action == LIST_ITEM:
        books.level = max(books.in_list, 1)
    return True


@njit(cache=True, nogil=True)
def _open_table(i, page, never_text):  # type: ignore[no-untyped-def]
    books, saved = page[2], page[3]
    if not _open(i, page, _NONE, _NO, never_text):
        return False
    saved[i, 1], saved[i, 2] = books.pieces, books.spans
    saved[i, 3], saved[i, 4], saved[i, 5] = books.row, books.cell, books.table
    books.row = books.cell = 0
    books.table = i
    return True


@njit(cache=True, nogil=True)
def _close_table(i, page):  # type: ignore[no-untyped-def]
    books, saved, pieces, notes = page[2], page[3], page[4], page[7]
    _flush(books, pieces)
    if saved[i, 1] >= 0:
        _note(books, notes, _TABLE, np.int64(saved[i, 1]), np.int64(saved[i, 2]))
    books.row, books.cell, books.table = saved[i, 3], saved[i, 4], saved[i, 5]
    if books.table >= 0:  # a table around another one is there for layout
        saved[books.table, 1] = -1
    _close(i, page)


@njit(cache=True, nogil=True)
def _enter_box(i, page, trait, never_text):  # type: ignore[no-untyped-def]
    """Enter an element that begins a block; return False to leave it out."""
    books, saved = page[2], page[3]
    action = trait.action
    if action in (TEXT_OF_KIND, LIST_ITEM):
        return _open_text(i, page, trait, never_text)
    if action == TABLE_BOX:
        return _open_table(i, page, never_text)
    light = action in (LIGHT_BOX, ROW, CELL)
    if not _open(i, page, np.int64(trait.known), light, never_text):
        return False
    if action == LIST:
        books.in_list += 1
    elif action == VERBATIM:
        books.in_pre += 1
    elif action == FIGURE:
        saved[i, 1] = books.pieces
    elif action == ROW:
        books.number += 1
        books.row = books.number
    elif action == CELL:
        books.number += 1
        books.cell = books.number
    return True


@njit(cache=True, nogil=True)
def _show_image(i, page):  # type: ignore[no-untyped-def]
    """Add a picture, or what it stands for inside the line."""
    tags, said, books, _, pieces, _, segments, _, _ = page
    tag, names = tags[i], said[i]
    has_alt = tag.extra_end > tag.extra_at
    if has_alt and names & (TEX_NAME | GLYPH):
        what = _TEX if names & TEX_NAME else _PLAIN
        at, end = np.int64(tag.extra_at), np.int64(tag.extra_end)
        _add_segment(books, segments, at, end, what)
        books.visible, books.breaks = 1, 0
    elif books.everything or not (names & ICON or tag.flags & _TINY):
        in_line = books.visible
        was_in_line = books.continues
        _flush(books, pieces)
        piece = _add_piece(books, pieces, _IMAGE)
        piece.flags = IN_LINE * (in_line | was_in_line)
        piece.flags |= IN_NOSCRIPT * (books.in_noscript > 0)
        piece.tag, piece.sources = i, books.sources - books.first_source
        piece.first = books.first_source
        books.continues = in_line | was_in_line


@njit(cache=True, nogil=True)
def _enter_noscript(i, page):  # type: ignore[no-untyped-def]
    """Read only the pictures in it: the fallbacks of lazily loaded ones.

    One with broken markup inside never ends, and holds the page: it is read like any element,
    and so are those inside it.
    """
    tags, books, saved = page[0], page[2], page[3]
    saved[i, 1] = 0
    if books.in_long_noscript:
        return
    if not books.in_noscript and tags[tags[i].match].text - tags[i].text > _LONGEST_NOSCRIPT:
        books.in_long_noscript = 1
        saved[i, 1] = 2
    else:
        books.in_noscript += 1
        saved[i, 1] = 1


@njit(cache=True, nogil=True)
def _enter_phrase(i, page, trait):  # type: ignore[no-untyped-def]
    """Enter an element inside a line; return False to leave it out."""
    tags, said, books, saved, pieces, _, segments, _, sources = page
    action, flags = trait.action, tags[i].flags
    if action == LINK:
        inside = books.kind == HEADING and flags & _LINKS_INSIDE
        saved[i, 1] = flags & _HAS_LINK and not inside
        if saved[i, 1]:
            if said[i] & DROPPED:
                return False
            books.in_link += 1
    elif action == PHRASE:
        return bool(books.everything) or not (said[i] & DROPPED or flags & _HIDDEN)
    elif action == LINE_END:
        _end_line(books, pieces, segments)
    elif action == RULE:
        _flush(books, pieces)
    elif action == PICTURE:
        books.first_source = books.sources
    elif action == SOURCE:
        sources[books.sources] = i
        books.sources += 1
    elif action == SHOWN_IMAGE:
        _show_image(i, page)
    elif action == NOSCRIPT:
        _enter_noscript(i, page)
    return True


@njit(cache=True, nogil=True)
def _leave(i, page, action):  # type: ignore[no-untyped-def]
    """Leave the element that the tag `i` opened."""
    _, _, books, saved, pieces, _, _segments, notes, _ = page
    if action == LINK:
        books.in_link -= saved[i, 1]
    elif action == PICTURE:
        books.first_source = books.sources
    elif action == NOSCRIPT:
        books.in_noscript -= saved[i, 1] == 1
        books.in_long_noscript *= saved[i, 1] != 2
    elif action == TABLE_BOX:
        _close_table(i, page)
    elif action == VERBATIM:
        books.in_pre -= 1
        if not books.in_pre:
            kind, books.kind = books.kind, CODE
            _flush(books, pieces)
            books.kind = kind
        _close(i, page)
    elif action <= LIGHT_BOX or TEXT_OF_KIND <= action <= FIGURE or action >= ROW:
        _close(i, page)
        if action in (TEXT_OF_KIND, LIST_ITEM):
            books.kind, books.level = saved[i, 1], saved[i, 2]
        elif action == LIST:
            books.in_list -= 1
        elif action == CELL:
            books.cell = 0
        elif action == FIGURE:
            _note(books, notes, _FIGURE, np.int64(saved[i, 1]), _NONE)


@njit(cache=True, nogil=True)
def gather(tags, said, traits, books, never_text, room):  # type: ignore[no-untyped-def]
    """Fill the tables in `room`, which are long enough; `books` tells how far.

    Args:
        tags: record[T] of dtype `records.TAG`, T > 0; the first opens the root.
        said: int32[T], what the names of each tag say.
        traits: record[K] with action, known, kind and level of each kind of tag.
        books: record of dtype BOOKS, zero but for `everything`: to read navigation too, and to
            flag nothing as junk.
        never_text: kinds of boilerplate that are left out unread when small.
        room: int64[T, SAVED] to work in; record[2T + 1] of dtype PIECE, record[T] of dtypes SPAN
            and `records.SEGMENT` (2T + 1), record[T] of dtype NOTE, int32[T] for the `<source>`s.
    """
    saved, pieces, spans, segments, notes, sources = room
    page = (tags, said, books, saved, pieces, spans, segments, notes, sources)
    books.span = books.table = -1
    everything, books.everything = books.everything, 1  # a body's names tell of the page's state
    _open(_NONE, page, _NONE, _NO, never_text)
    books.everything, spans[0].tier = everything, 0
    i = np.int64(0)
    while i < len(tags):
        tag = tags[i]
        trait = traits[max(tag.tag, 0)]
        entered = True
        if tag.flags & _CLOSING:
            if tag.tag >= 0 and tag.match > 0:
                _leave(tag.match, page, trait.action)
        elif tag.tag >= 0 and i > 0:
            if trait.action == SKIPPED:
                entered = False
            elif LINK <= trait.action <= RULE or PICTURE <= trait.action <= NOSCRIPT:
                entered = _enter_phrase(i, page, trait)
            elif trait.action != INLINE:
                entered = _enter_box(i, page, trait, never_text)
        i = i + 1 if entered else tag.match + 1
        end = np.int64(tags[i].at if i < len(tags) else tags[i - 1].end)
        start = np.int64(tags[i - 1].end)
        if end > start:
            _add_text(books, segments, start, end, tags[i - 1].flags & _BEFORE_TEXT)
    books.in_pre = 0
    _flush(books, pieces)
    while books.span >= 0:
        spans[books.span].stop = books.pieces
        books.span = spans[books.span].parent
