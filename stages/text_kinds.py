"""What kind of block a text part is, by the marks that extraction writes, and what stands near."""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stages.elements import Ints, Mask, Parts

_MARKED: Final = r"^\s*(?:#{1,6}\s|[-*+•]\s|[0-9]{1,3}[.)]\s|\||```|>|\$\$|\\\[)"
_HEADING: Final = r"^\s*(?P<marks>#{1,6})\s"


def texts_of(parts: Parts) -> pa.StringArray:
    """Return string[T], the text parts; null reads as empty."""
    return parts.values.field("text").filter(pa.array(parts.is_text)).fill_null("")


def is_paragraph(texts: pa.StringArray) -> Mask:
    """Return bool[T], true for texts that do not begin as headings, lists, tables, code, ... do."""
    marked: Mask = pc.match_substring_regex(texts, _MARKED).to_numpy(zero_copy_only=False)
    return ~marked


def heading_levels(texts: pa.StringArray) -> Ints:
    """Return int64[T], 1 to 6 for headings ("## The mill" is 2), 0 for other texts."""
    found = pc.struct_field(pc.extract_regex(texts, _HEADING), "marks")
    levels: Ints = pc.binary_length(found).fill_null(0).to_numpy(zero_copy_only=False)
    return levels.astype(np.int64)


def near_media(parts: Parts, distance: int) -> Mask:
    """Return bool[P]: whether a picture or video is at most so many parts before or behind."""
    media_before = np.r_[0, np.cumsum(parts.is_media)]
    place = np.arange(len(parts.row))
    first = np.searchsorted(parts.row, parts.row, side="left")
    last = np.searchsorted(parts.row, parts.row, side="right")
    low, high = np.maximum(first, place - distance), np.minimum(last, place + distance + 1)
    near: Mask = media_before[high] > media_before[low]
    return near
