"""The records that the compiled passes over a page fill, one after the other."""

from __future__ import annotations

from typing import Final

import numpy as np

TAG: Final = np.dtype(
    [
        ("at", np.int32),
        ("end", np.int32),
        ("match", np.int32),
        ("tag", np.int16),
        ("flags", np.int16),
        ("class_at", np.int32),
        ("class_end", np.int32),
        ("extra_at", np.int32),
        ("extra_end", np.int32),
        ("names", np.uint64),
        ("role", np.uint64),
        ("property", np.uint64),
        ("text", np.int32),
        ("bodies", np.int32),
    ]
)
"""A tag: its bytes `at` to `end`; the index of the tag that closes or opened it, `match`; the
number of its kind; flags; the bytes of its class and of its id (a picture: of its alt); hashes of
its names, role and itemprop, 0 when it has none; characters of text, and elements that hardly any
boilerplate holds, before it."""

SEGMENT: Final = np.dtype([("at", np.int32), ("end", np.int32), ("what", np.int32)])
"""Bytes of markup, or a mark, that a piece is put together from."""

PIECE: Final = np.dtype(
    [
        (name, np.int32)
        for name in (
            *("kind", "level", "first", "last", "at", "end", "size", "links"),
            *("owner", "row", "cell", "flags", "tag", "sources"),
        )
    ]
)
"""A block: its kind; level of a heading or item; its segments, `first` to `last`; the bytes of its
text, how long that is in Latin characters' worth and how much of it is linked; span, table row and
cell around it; flags; the tag of a picture, and how many `<source>`s before it are its own."""
SPAN: Final = np.dtype(
    [(name, np.int32) for name in ("parent", "start", "stop", "tier", "junk", "hints", "tag")]
)
"""An element, as the half-open range of pieces inside it, and what its names say."""
NOTE: Final = np.dtype(
    [(name, np.int32) for name in ("what", "start", "stop", "first_span", "last_span")]
)
"""A figure, named caption or table that was read to its end."""

BOOKS: Final = np.dtype(
    [
        (name, np.int64)
        for name in (
            *("pieces", "spans", "notes", "sources", "segments", "block", "visible", "breaks"),
            *("kind", "level", "in_link", "in_list", "in_pre", "in_junk", "in_noscript"),
            *("in_long_noscript", "row", "cell", "number", "span", "table", "first_source"),
            *("continues", "everything"),
        )
    ]
)
"""Where `gather` has come to: how much it has written down, and what is open."""
