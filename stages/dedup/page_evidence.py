"""How alike two pages are: the shingles of their texts, their pictures and their addresses."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import numpy as np
import pyarrow as pa

from stages.dedup.nodes import rows_of, units_of
from stages.dedup.shingles import Shingles
from stages.dedup.sketches import jaccards
from stages.elements import Floats, Ints, Mask
from stages.stage import Bucket

MIN_SHARED: Final = 0.5
"""Share of the pictures of two pages together that must be the same to speak for them."""


def compare(left: Ints, right: Ints, bucket: Bucket, *, sketch_size: int) -> tuple[Floats, Mask]:
    """Return how alike pairs of pages are, and whether more than their texts speaks for it.

    Args:
        left: int64[P], nodes of pages.
        right: int64[P], nodes of pages.
        bucket: gives what lies beside a unit: `sketch` (list of uint32, ascending), `pictures`
            (list of uint64, ascending) and `address` (uint64, 0 for none), an entry per row.
        sketch_size: shingles of a sketch at most.

    Returns:
        float32[P], the Jaccard similarity of the texts, or of the pictures where neither page has
        a text; bool[P], whether the pages have the same address or MIN_SHARED of their pictures.
    """
    nodes, ends = np.unique(np.concatenate([left, right]), return_inverse=True)
    first, second = np.split(ends.reshape(-1), 2)
    pages = _beside(nodes, bucket)
    sketches, pictures = _lists(pages, "sketch"), _lists(pages, "pictures")
    texts = jaccards(sketches, first, second, size=sketch_size)
    shared = jaccards(pictures, first, second, size=_longest(pictures) + 1)
    silent = np.diff(sketches.offsets) == 0
    address = pages.column("address").to_numpy()
    same = (address[first] == address[second]) & (address[first] != 0)
    wordless = silent[first] & silent[second]
    return np.where(wordless, shared, texts), ~wordless & (same | (shared >= MIN_SHARED))


def _beside(nodes: Ints, bucket: Bucket) -> pa.Table:
    """Return what lies beside pages, given as nodes that ascend."""
    units, at = np.unique(units_of(nodes), return_index=True)
    rows, ends = rows_of(nodes), [*at.tolist(), len(nodes)]
    names = ["sketch", "pictures", "address"]
    tables = [
        bucket.beside(unit).select(names).take(pa.array(rows[start:stop]))
        for unit, (start, stop) in zip(units.tolist(), pairwise(ends), strict=True)
    ]
    return pa.concat_tables(tables)


def _lists(pages: pa.Table, name: str) -> Shingles:
    column = pages.column(name).combine_chunks()
    lengths = column.value_lengths().to_numpy(zero_copy_only=False)
    offsets = np.cumsum(np.r_[0, lengths], dtype=np.int64)
    return Shingles(offsets=offsets, hashes=column.flatten().to_numpy())


def _longest(lists: Shingles) -> int:
    return int(np.diff(lists.offsets).max(initial=0))
