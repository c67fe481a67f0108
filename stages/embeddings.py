"""Embeddings of media in rows: written as a map by content, read as one array over all media."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stages.elements import Floats, MediaList, media_of, offsets_of, set_column
from stages.errors import RecordError
from stages.record import EMBEDDING, EMBEDDINGS

_ENTRIES = pa.list_(
    pa.struct(
        [pa.field("key", pa.string(), nullable=False), pa.field("value", pa.list_(pa.float16()))]
    )
)


def media_embeddings(table: pa.Table, name: str) -> Floats:
    """Return float32[M, D]: the embedding of each medium, a row of NaN where it has none.

    D is the width of the embeddings that the table holds, 0 where it holds none at all.

    Args:
        table: rows in flight.
        name: of the embedding, as in the column `embedding.<name>`.

    Raises:
        RecordError: when the column is missing, or holds embeddings of several widths.
    """
    if not table.num_rows:  # a unit of which nothing was left lacks the column
        return np.zeros((0, 0), np.float32)
    if EMBEDDING + name not in table.column_names:
        raise RecordError(
            f"the rows have no column {EMBEDDING + name}; put the stage that writes it before "
            f"this step, for CLIP stages.embed_clip.EmbedClip"
        )
    column = table.column(EMBEDDING + name).combine_chunks()
    maps = column.cast(_ENTRIES)  # a map cannot be flattened, a list can
    entries, media = maps.flatten(), media_of(table)
    vectors = _matrix(entries.field("value"), name)
    have = _keys(pc.list_parent_indices(maps), entries.field("key"))
    wanted = _keys(pa.array(media.row), media.column("sha256"))
    place = pc.index_in(wanted, value_set=have).fill_null(len(have)).to_numpy()
    or_none = np.vstack([vectors, np.full((1, vectors.shape[1]), np.nan, np.float32)])
    return cast(Floats, or_none[place])


def _keys(row: pa.Array, sha256: pa.Array) -> pa.Array:
    """Return a text per medium that no other row and no other content shares; null without one."""
    return pc.binary_join_element_wise(row.cast(pa.string()), sha256.cast(pa.string()), " ")


def _matrix(lists: pa.Array, name: str) -> Floats:
    """Return float32[E, D] of lists of one length."""
    widths = pc.unique(pc.list_value_length(lists)).to_pylist()
    if len(widths) > 1:
        raise RecordError(
            f"{EMBEDDING + name} holds embeddings of the widths {sorted(widths)}; make all of "
            f"them with one model"
        )
    values = lists.flatten().to_numpy(zero_copy_only=False)
    return cast(Floats, values.astype(np.float32).reshape(len(lists), widths[0] if widths else 0))


def with_embeddings(
    table: pa.Table, name: str, vectors: Mapping[str, npt.NDArray[np.floating]]
) -> pa.Table:
    """Return the table with the embeddings of its media in the column `embedding.<name>`.

    Args:
        table: rows in flight.
        name: of the embedding.
        vectors: sha256 of a medium to its unit vector, float[D]; a medium that is not in it has
            no embedding.
    """
    keys, row = _distinct(media_of(table), vectors)
    flat = np.concatenate([np.empty(0, np.float16), *(vectors[key] for key in keys)])
    width = len(flat) // len(keys) if keys else 0
    starts = np.arange(len(keys) + 1, dtype=np.int32) * width
    lists = pa.ListArray.from_arrays(pa.array(starts), pa.array(flat.astype(np.float16)))
    offsets = offsets_of(np.array(row, np.int64), table.num_rows)
    maps = pa.MapArray.from_arrays(offsets, pa.array(keys, pa.string()), lists)
    return set_column(table, EMBEDDING + name, maps.cast(EMBEDDINGS))


def _distinct(media: MediaList, known: Mapping[str, object]) -> tuple[list[str], list[int]]:
    """Return sha256 and row of the known media, each content once per row."""
    sha256 = media.column("sha256").to_pylist()
    places = dict.fromkeys(zip(media.row.tolist(), sha256, strict=True))
    found = [(key, row) for row, key in places if key in known]
    return [key for key, _ in found], [row for _, row in found]
