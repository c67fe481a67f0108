"""Rows of Quern's own shards as records again: maps from lists, pictures by reference."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stages.elements import media_of, parts_of, set_field, with_media
from stages.media import shard_location
from stages.record import LOCATION, SCHEMA, conform
from stages.shards import TOKEN_COLUMNS

LEFT_OUT = frozenset({"images", "videos", *TOKEN_COLUMNS})
"""Columns that are no part of a record: bytes, and tokens, which hold for one model only."""


def is_shard(schema: pa.Schema) -> bool:
    """Tell whether a file has the columns of a shard."""
    return {"messages", "images", "input_ids"} <= set(schema.names)


def records_of(table: pa.Table, *, path: str = "", group: int = 0, before: int = 0) -> pa.Table:
    """Return the rows of a shard as records, whose pictures are read out of the shard.

    Args:
        table: rows of one row group, in order.
        path: of the shard, absolute.
        group: number of the row group.
        before: pictures of the group in front of these rows.

    Raises:
        RecordError: when the rows do not follow the record.
    """
    names = [name for name in table.column_names if name not in LEFT_OUT]
    columns = {name: table.column(name).combine_chunks() for name in names}
    for field in SCHEMA:
        if field.name in columns:
            columns[field.name] = _as(_compact(columns[field.name]), field.type)
    rows = conform(pa.table(columns))
    return with_media(rows, _located(rows, table.column("images"), path, group, before))


def pictures_in(table: pa.Table) -> int:
    """Return how many pictures rows of a shard have."""
    return int(pc.sum(pc.list_value_length(table.column("images"))).as_py() or 0)


def _located(
    rows: pa.Table, images: pa.ChunkedArray, path: str, group: int, before: int
) -> pa.StructArray:
    """Return the media of the rows; those that a place of a row shows have a location."""
    parts, media = parts_of(rows), media_of(rows)
    first = np.r_[0, np.cumsum(np.bincount(media.row, minlength=rows.num_rows))]
    entry = first[parts.row[parts.is_media]] + parts.media_index[parts.is_media]
    is_image = pc.equal(media.column("type"), "image").to_numpy(zero_copy_only=False)
    shown = entry[is_image[entry]]
    data = pc.struct_field(pc.list_flatten(images), "bytes")
    places: list[dict[str, Any] | None] = [None] * len(media)
    lengths = pc.binary_length(data).to_pylist()
    for number, (index, length) in enumerate(zip(shown.tolist(), lengths, strict=True), before):
        place = shard_location(path, group, number, length or 0)
        places[index] = {"pack": place.pack, "offset": place.offset, "length": place.length}
    return set_field(media.values, "location", pa.array(places, LOCATION))


def _compact(array: pa.Array) -> pa.Array:
    """Return the array with offsets from 0, as its parts can be put together again."""
    return array.take(pa.array(np.arange(len(array))))


def _as(array: pa.Array, wanted: pa.DataType) -> pa.Array:
    """Return the array with lists of {key, value} as the maps that they were."""
    if array.type.equals(wanted) or not pa.types.is_nested(wanted):
        return array.cast(wanted)
    mask = array.is_null() if array.null_count else None
    if pa.types.is_struct(wanted):
        fields = [_as(array.field(field.name), field.type) for field in wanted]
        return pa.StructArray.from_arrays(fields, fields=list(wanted), mask=mask)
    values = array.values
    if pa.types.is_map(wanted):
        keys, items = values.field("key"), values.field("value")
        return pa.MapArray.from_arrays(array.offsets, keys, items, wanted, mask=mask)
    inner = _as(values, wanted.value_type)
    return pa.ListArray.from_arrays(array.offsets, inner, wanted, mask=mask)
