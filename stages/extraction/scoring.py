"""The compiled sums of what pieces are worth, one pass over the pieces each."""

from __future__ import annotations

from typing import Final

from numba import njit

LONG: Final = 80
"""Size from which text without a full stop counts as good."""
SENTENCE: Final = 25
"""Size from which text with a full stop counts as good."""
MOST_CODE: Final = 2000
"""Most that a block of code, a formula or a table counts for."""

# Rows of sums.
GOOD: Final = 0
NET: Final = 1
SIZES: Final = 2
LINKS: Final = 3

# Kinds and flags of pieces are those of `gather` and `writing`; they stand here too because
# numba's cache notices changes to this file only.
_HEADING, _TABLE, _CODE, _FORMULA, _CAPTION, _IMAGE = 1, 3, 4, 5, 7, 8
_ENDS_SENTENCE: Final = 8


@njit(cache=True, nogil=True)
def weigh(pieces, good, bad):  # type: ignore[no-untyped-def]
    """Set how much good and bad text each piece holds by itself.

    Args:
        pieces: record[P] of dtype `records.PIECE`.
        good: int64[P], set.
        bad: int64[P], set.
    """
    for i in range(len(pieces)):
        kind, size, links = pieces[i].kind, pieces[i].size, pieces[i].links
        good[i] = bad[i] = 0
        if kind in (_IMAGE, _CAPTION):
            continue
        if 2 * links > size:
            bad[i] = size
        elif kind in (_CODE, _FORMULA, _TABLE):
            good[i], bad[i] = min(size - links, MOST_CODE), links
        elif kind == _HEADING:
            continue
        elif size >= LONG or (size >= SENTENCE and pieces[i].flags & _ENDS_SENTENCE):
            good[i], bad[i] = size - links, links
        else:
            bad[i] = size // 4


@njit(cache=True, nogil=True)
def add_up(pieces, good, bad, junk, sums):  # type: ignore[no-untyped-def]
    """Set the prefix sums of good text, of good minus bad, of sizes and of linked text.

    Args:
        pieces: record[P] of dtype `records.PIECE`.
        good: int64[P], good text of each, were it not for its place.
        bad: int64[P], bad text of each.
        junk: bool[P], whether it lies in boilerplate, where all text is bad.
        sums: int64[4, P + 1], set; captions count for nothing.
    """
    sums[:, 0] = 0
    for i in range(len(pieces)):
        kind = pieces[i].kind
        counts = kind != _CAPTION and kind != _IMAGE
        sums[GOOD, i + 1] = sums[GOOD, i] + (0 if junk[i] else good[i])
        net = -(good[i] + bad[i]) if junk[i] else good[i] - bad[i]
        sums[NET, i + 1] = sums[NET, i] + net
        sums[SIZES, i + 1] = sums[SIZES, i] + (pieces[i].size if counts else 0)
        sums[LINKS, i + 1] = sums[LINKS, i] + (pieces[i].links if counts else 0)
