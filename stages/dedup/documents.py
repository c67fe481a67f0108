"""What deduplication looks at in a sample: its text, its standing among equals, 128-bit keys."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stages.elements import Ints, offsets_of
from stages.stage import Batch

KEY: Final = pa.binary(16)


def row_texts(batch: Batch) -> pa.Array:
    """Return string[N]: the text parts of each row in reading order, one newline between."""
    parts = batch.parts()
    texts = parts.values.field("text").filter(pa.array(parts.is_text)).fill_null("")
    lists = pa.ListArray.from_arrays(offsets_of(parts.row[parts.is_text], len(batch)), texts)
    return pc.binary_join(lists, "\n")


def standing(batch: Batch, texts: pa.Array) -> pa.Table:
    """Return what decides who stands for a cluster: `id`, `n_media` and `n_bytes` of text."""
    media = np.bincount(batch.media().row, minlength=len(batch))
    return pa.table(
        {
            "id": batch.table.column("id").combine_chunks(),
            "n_media": pa.array(media, pa.int64()),
            "n_bytes": pc.binary_length(texts).cast(pa.int64()),
        }
    )


def digests(values: Iterable[bytes | None]) -> pa.Array:
    """Return binary16[N], the blake2b-128 of each value, null for None."""
    return pa.array(
        [None if v is None else hashlib.blake2b(v, digest_size=16).digest() for v in values], KEY
    )


def bucket_of(keys: pa.ChunkedArray, buckets: int) -> Ints:
    """Return int64[N], the bucket of each key (binary16, no nulls)."""
    return (_halves(keys)[:, 0] % np.uint64(buckets)).astype(np.int64)


def group_of(keys: pa.ChunkedArray) -> Ints:
    """Return int64[N], a number per key, equal where keys (binary16, no nulls) are equal."""
    _, group = np.unique(_halves(keys), axis=0, return_inverse=True)
    return cast(Ints, group.reshape(-1).astype(np.int64))


def _halves(keys: pa.ChunkedArray) -> npt.NDArray[np.uint64]:
    column = pa.chunked_array(keys.chunks, KEY).combine_chunks()
    if len(column) == 0:
        return np.empty((0, 2), np.uint64)
    data = np.frombuffer(column.buffers()[1], np.uint64)
    return data[2 * column.offset :][: 2 * len(column)].reshape(-1, 2)
