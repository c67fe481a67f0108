"""Elements: the text parts and media inside the rows of a table, flat, and editing by mask.

A filter may judge whole samples, text parts or media. The latter two are looked at as flat
arrays over all rows of a table (`Parts`, `MediaList`), judged there, and removed by mask: the
messages and media of the table are rebuilt without touching a Python object per element.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stages.record import MEDIA, PART, SCHEMA, SCORES

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float32]

_ENTRIES = pa.list_(
    pa.struct([pa.field("key", pa.string(), nullable=False), pa.field("value", pa.float32())])
)


def _one_array(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    if not isinstance(column, pa.ChunkedArray):
        return column
    combined = column.combine_chunks()
    if isinstance(combined, pa.ChunkedArray):  # no chunks at all
        return pa.array([], column.type)
    return combined


def _ints(array: pa.Array) -> Ints:
    return cast(Ints, array.to_numpy(zero_copy_only=False).astype(np.int64, copy=False))


@dataclass(frozen=True, kw_only=True)
class Parts:
    """All parts of all messages of a table, in reading order.

    Attributes:
        values: struct[P], the parts.
        row: int64[P], the row of the table that each part belongs to.
        message: int64[P], the message, counted over the whole table.
        position: int64[P], the place of the part in its row, from 0.
    """

    values: pa.StructArray
    row: Ints
    message: Ints
    position: Ints

    @cached_property
    def is_text(self) -> Mask:
        """bool[P], true for text parts."""
        mask = pc.equal(self.values.field("type"), "text").fill_null(False)
        return cast(Mask, mask.to_numpy(zero_copy_only=False))

    @cached_property
    def is_media(self) -> Mask:
        """bool[P], true for image and video parts."""
        mask = pc.is_in(self.values.field("type"), value_set=pa.array(["image", "video"]))
        return cast(Mask, mask.to_numpy(zero_copy_only=False))

    @cached_property
    def media_index(self) -> Ints:
        """int64[P], index into the row's media; -1 for parts that show none."""
        index = _ints(self.values.field("index").fill_null(-1))
        return np.where(self.is_media, index, -1)


def parts_of(table: pa.Table) -> Parts:
    """Return the parts of every row of the table."""
    messages = _one_array(table.column("messages"))
    flat_messages = messages.flatten()
    lists = flat_messages.field("parts")
    row_of_message = _ints(pc.list_parent_indices(messages))
    message = _ints(pc.list_parent_indices(lists))
    row = row_of_message[message]
    return Parts(values=lists.flatten(), row=row, message=message, position=_position(row))


def _position(parent: Ints) -> Ints:
    """Return the place of each element in its parent; `parent` ascends."""
    if len(parent) == 0:
        return parent
    starts = np.flatnonzero(np.r_[True, parent[1:] != parent[:-1]])
    lengths = np.diff(np.r_[starts, len(parent)])
    return np.arange(len(parent), dtype=np.int64) - np.repeat(starts, lengths)


@dataclass(frozen=True, kw_only=True)
class MediaList:
    """All media of a table.

    Attributes:
        values: struct[M], the media.
        row: int64[M], the row that each belongs to.
        position: int64[M], its index in the row's `media`.
    """

    values: pa.StructArray
    row: Ints
    position: Ints

    def column(self, name: str) -> pa.Array:
        """Return one field of the media as an array of M values."""
        return self.values.field(name)

    @cached_property
    def stored_pictures(self) -> Mask:
        """bool[M], true for pictures whose status is ok and whose bytes are in the packs."""
        image = pc.equal(self.column("type"), "image")
        ok = pc.equal(self.column("status"), "ok")
        stored = pc.and_(self.column("location").is_valid(), self.column("sha256").is_valid())
        mask = pc.and_(pc.and_(image, ok), stored).fill_null(False)
        return cast(Mask, mask.to_numpy(zero_copy_only=False))

    def __len__(self) -> int:
        return len(self.values)


def media_of(table: pa.Table) -> MediaList:
    """Return the media of every row of the table."""
    media = _one_array(table.column("media"))
    row = _ints(pc.list_parent_indices(media))
    return MediaList(values=media.flatten(), row=row, position=_position(row))


def offsets_of(parent: Ints, parents: int) -> pa.Array:
    """Return the int32[parents + 1] list offsets of elements whose parents ascend."""
    counts = np.bincount(parent, minlength=parents)
    return pa.array(np.r_[0, np.cumsum(counts)].astype(np.int32))


def with_parts(table: pa.Table, parts: Parts, keep: Mask, values: pa.StructArray) -> pa.Table:
    """Return the table whose messages hold `values[keep]`; messages left empty disappear.

    Args:
        table: any record table.
        parts: what `parts_of(table)` gave.
        keep: bool[P].
        values: struct[P], the parts' new values (`parts.values` to leave them as they are).
    """
    messages = _one_array(table.column("messages"))
    flat_messages = messages.flatten()
    row_of_message = _ints(pc.list_parent_indices(messages))
    kept_per_message = np.bincount(parts.message[keep], minlength=len(flat_messages))
    alive = kept_per_message > 0
    new_message = np.cumsum(alive) - 1
    lists = pa.ListArray.from_arrays(
        offsets_of(new_message[parts.message[keep]], int(alive.sum())),
        values.filter(pa.array(keep)).cast(PART),
    )
    roles = flat_messages.field("role").filter(pa.array(alive))
    structs = pa.StructArray.from_arrays([roles, lists], names=["role", "parts"])
    column = pa.ListArray.from_arrays(
        offsets_of(row_of_message[alive], table.num_rows), structs
    ).cast(SCHEMA.field("messages").type)
    return set_column(table, "messages", column)


def with_media(table: pa.Table, values: pa.StructArray) -> pa.Table:
    """Return the table with new values for the same media, struct[M] in the same order."""
    media = media_of(table)
    column = pa.ListArray.from_arrays(offsets_of(media.row, table.num_rows), values.cast(MEDIA))
    return set_column(table, "media", column.cast(SCHEMA.field("media").type))


def drop_parts(table: pa.Table, keep: Mask) -> pa.Table:
    """Return the table without the parts where `keep` (bool[P]) is false."""
    parts = parts_of(table)
    return with_parts(table, parts, keep, parts.values)


def drop_media(table: pa.Table, keep: Mask) -> pa.Table:
    """Return the table without the media where `keep` (bool[M]) is false.

    The parts that showed them go too, and so do the regions on them with the parts that show
    those; the indexes of all that stays follow.
    """
    media, parts, rows = media_of(table), parts_of(table), table.num_rows
    regions = _one_array(table.column("regions"))
    region_row, flat_regions = _ints(pc.list_parent_indices(regions)), regions.flatten()
    on_medium = _ints(flat_regions.field("media").fill_null(-1))
    new_medium = _moved(media.row, keep, rows, region_row, on_medium)
    keep_region = (on_medium < 0) | (new_medium >= 0)
    index = _ints(parts.values.field("index").fill_null(-1))
    new_index = np.where(
        parts.is_media,
        _moved(media.row, keep, rows, parts.row, index),
        _moved(region_row, keep_region, rows, parts.row, index),
    )
    values = set_field(parts.values, "index", _or_null(new_index))
    table = with_parts(table, parts, (index < 0) | (new_index >= 0), values)
    table = _with_list(table, "media", media.row, media.values, keep)
    flat_regions = set_field(flat_regions, "media", _or_null(new_medium))
    return _with_list(table, "regions", region_row, flat_regions, keep_region)


def _moved(parent: Ints, keep: Mask, parents: int, row: Ints, index: Ints) -> Ints:
    """Return the new index of each element named by row and index; -1: gone, or none is named.

    Args:
        parent: int64[E], the row of each element of a list column, ascending.
        keep: bool[E], which of them stay.
        parents: number of rows.
        row: int64[K], row of the element that is named.
        index: int64[K], its index in that row's list; -1 names none.
    """
    first = np.r_[0, np.cumsum(np.bincount(parent, minlength=parents))]
    kept_before = np.r_[0, np.cumsum(keep)]
    nowhere = len(parent)
    place = np.where(index < 0, nowhere, np.minimum(first[row] + index, first[row + 1]))
    stays = np.r_[keep, False][place] & (place < first[row + 1])
    return np.where(stays, kept_before[place] - kept_before[first[row]], -1)


def _or_null(index: Ints) -> pa.Array:
    return pa.array(index, pa.int32(), mask=index < 0)


def _with_list(
    table: pa.Table, name: str, row: Ints, values: pa.StructArray, keep: Mask
) -> pa.Table:
    """Return the table with `values[keep]` in a list column; `row` says whose each is."""
    offsets = offsets_of(row[keep], table.num_rows)
    column = pa.ListArray.from_arrays(offsets, values.filter(pa.array(keep)))
    return set_column(table, name, column.cast(SCHEMA.field(name).type))


def captions_of(table: pa.Table, chosen: Mask) -> Mask:
    """Return bool[T] over text parts: true for the captions of the chosen media (bool[M]).

    A part is a caption of a medium when it is, word for word, what the medium's `caption` says;
    one that a medium of the same row shares that was not chosen is left out.
    """
    parts, media = parts_of(table), media_of(table)
    captions = list(zip(media.row.tolist(), media.column("caption").to_pylist(), strict=True))
    own = {captions[i] for i in np.flatnonzero(chosen) if captions[i][1]}
    own -= {captions[i] for i in np.flatnonzero(~chosen)}
    if not own:
        return np.zeros(int(parts.is_text.sum()), dtype=np.bool_)
    texts = parts.values.field("text").filter(pa.array(parts.is_text)).to_pylist()
    rows = parts.row[parts.is_text].tolist()
    return np.array([place in own for place in zip(rows, texts, strict=True)], dtype=np.bool_)


def set_column(table: pa.Table, name: str, column: Any) -> pa.Table:
    """Return the table with a column replaced, or appended when it is new."""
    if name in table.column_names:
        return table.set_column(table.column_names.index(name), name, column)
    return table.append_column(name, column)


def set_field(structs: pa.StructArray, name: str, values: pa.Array) -> pa.StructArray:
    """Return the structs with one field replaced; the structs themselves hold no nulls."""
    names = [field.name for field in structs.type]
    arrays = [values if each == name else structs.field(each) for each in names]
    return pa.StructArray.from_arrays(arrays, names=names)


def add_scores(structs: pa.StructArray, new: dict[str, Floats]) -> pa.StructArray:
    """Return the structs with scores added to their `scores` maps; NaN adds nothing.

    Args:
        structs: struct[N] with a `scores` field, parts or media.
        new: name to float32[N].
    """
    old = structs.field("scores").cast(_ENTRIES)  # a map cannot be flattened, a list can
    owner = [_ints(pc.list_parent_indices(old))]
    entries = old.flatten()
    keys, items = [entries.field("key")], [entries.field("value")]
    for name, scores in sorted(new.items()):
        judged = np.flatnonzero(~np.isnan(scores))
        owner.append(judged)
        keys.append(pa.array([name] * len(judged), pa.string()))
        items.append(pa.array(scores[judged], pa.float32()))
    owners = np.concatenate(owner)
    order = pa.array(np.argsort(owners, kind="stable"))
    maps = pa.MapArray.from_arrays(
        offsets_of(np.sort(owners), len(structs)),
        pa.concat_arrays(keys).take(order),
        pa.concat_arrays(items).take(order),
    )
    return set_field(structs, "scores", maps.cast(SCORES))
