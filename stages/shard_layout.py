"""The columns of a shard: the record in the layout of `datasets`, with the bytes of its media.

`images` holds, in reading order, one picture for each place that shows one, so that image k
belongs to the k-th picture among `grid_thw`; `videos` does the same. Maps become lists of
{key, value}, which `datasets` can read, media lose their place in the run's packs, and embeddings
stay behind.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stages.elements import Ints, Mask, media_of, offsets_of, parts_of, set_field, with_media
from stages.errors import RecordError, StorageError
from stages.media import Location, MediaStore
from stages.record import EMBEDDING, LOCATION, PAYLOAD
from stages.shards import STAMP_KEY

FILES: Final = pa.list_(pa.struct({"bytes": pa.binary(), "path": pa.string()}))
"""Pictures or videos; `datasets` shows them only as `binary`, not as `large_binary`."""

FEATURES: Final = {"images": [{"_type": "Image"}], "videos": [{"_type": "Video"}]}
CHUNK_LIMIT: Final = (1 << 31) - 1
"""Most bytes that one Arrow array of `binary` holds."""


def shard_schema(rows: pa.Schema, *, stamp: str, videos: bool) -> pa.Schema:
    """Return the schema of shards of such rows, with the metadata of their footer.

    Args:
        rows: schema of the tokenized rows.
        stamp: the rows' `Stamp` as JSON.
        videos: whether the run shows any video.
    """
    fields = [
        pa.field(field.name, _without_maps(field.type))
        for field in rows
        if field.name not in ("stamp", PAYLOAD) and not field.name.startswith(EMBEDDING)
    ]
    names = ["images", "videos"] if videos else ["images"]
    place = [field.name for field in fields].index("media")
    fields[place:place] = [pa.field(name, FILES) for name in names]
    features = {name: FEATURES[name] for name in names}
    hub = json.dumps({"info": {"features": features}})
    return pa.schema(fields, metadata={"huggingface": hub, STAMP_KEY: stamp})


def _without_maps(type_: pa.DataType) -> pa.DataType:
    """Return the type with every map inside it as a list of {key, value}."""
    if pa.types.is_map(type_):
        return pa.list_(pa.struct({"key": type_.key_type, "value": type_.item_type}))
    if pa.types.is_list(type_):
        return pa.list_(_without_maps(type_.value_type))
    if pa.types.is_struct(type_):
        return pa.struct({field.name: _without_maps(field.type) for field in type_})
    return type_


def finish(rows: pa.Table, store: MediaStore, schema: pa.Schema) -> pa.Table:
    """Return the rows of one row group as they stand in a shard.

    Args:
        rows: tokenized rows, in one chunk.
        store: reads the bytes of their media.
        schema: what `shard_schema` gave; columns that the rows lack are null.

    Raises:
        StorageError: when the bytes of a medium are missing.
        RecordError: when a sample was edited after it was tokenized.
    """
    shown = _Shown.of(rows)
    shown.check(rows)
    media = media_of(rows).values
    light = with_media(rows, set_field(media, "location", pa.nulls(len(media), LOCATION)))
    columns = []
    for field in schema:
        if field.name in FEATURES:
            columns.append(shown.files(rows, store, videos=field.name == "videos"))
        elif field.name in light.column_names:
            columns.append(light.column(field.name).cast(field.type))
        else:
            columns.append(pa.nulls(rows.num_rows, field.type))
    return pa.table(columns, schema=schema)


@dataclass(frozen=True, kw_only=True)
class _Shown:
    """The places that show media, in reading order.

    Attributes:
        row: int64[S], the row of each place.
        entry: int64[S], index into the media of all rows.
        video: bool[S], true where it is a video.
    """

    row: Ints
    entry: Ints
    video: Mask

    @classmethod
    def of(cls, rows: pa.Table) -> _Shown:
        parts, media = parts_of(rows), media_of(rows)
        first = np.r_[0, np.cumsum(np.bincount(media.row, minlength=rows.num_rows))]
        row = parts.row[parts.is_media]
        entry = first[row] + parts.media_index[parts.is_media]
        types = media.column("type").to_numpy(zero_copy_only=False)
        return cls(row=row, entry=entry, video=types[entry] == "video")

    def check(self, rows: pa.Table) -> None:
        """Refuse samples that show more or fewer media than they have grids."""
        grids = pc.list_value_length(rows.column("grid_thw")).to_numpy()
        places = np.bincount(self.row, minlength=rows.num_rows)
        if len(wrong := np.flatnonzero(grids != places)):
            row = int(wrong[0])
            raise RecordError(
                f"sample {rows.column('id')[row].as_py()} shows {places[row]} media and has "
                f"{grids[row]} grids: it was edited after TokenizeSample, which must come last"
            )

    def files(self, rows: pa.Table, store: MediaStore, *, videos: bool) -> pa.Array:
        """Return the bytes and names of the pictures, or of the videos, of each row."""
        chosen = self.video == videos
        media = media_of(rows).values
        entries = media.take(pa.array(self.entry[chosen])).to_pylist()
        ids = rows.column("id").take(pa.array(self.row[chosen])).to_pylist()
        places = [_location(entry, id_) for entry, id_ in zip(entries, ids, strict=True)]
        pieces = zip(entries, store.read_all(places), strict=True)
        files = [{"bytes": data, "path": _name(entry)} for entry, data in pieces]
        if (total := sum(len(file["bytes"]) for file in files)) > CHUNK_LIMIT:
            raise RecordError(f"sample {ids[0]} shows {total} bytes of media, a shard takes 2 GiB")
        offsets = offsets_of(self.row[chosen], rows.num_rows)
        return pa.ListArray.from_arrays(offsets, pa.array(files, FILES.value_type))


def _location(medium: dict[str, Any], sample: str) -> Location:
    location = medium["location"]
    if location is None or location["pack"] is None:
        raise StorageError(
            f"sample {sample} shows {medium['uri']}, which was never fetched; fetch media with "
            f"stages.fetch_media.FetchMedia and drop the rest with filters.media_status"
        )
    return Location(**location)


def _name(medium: dict[str, Any]) -> str:
    extension = (medium["mime"] or "application/octet-stream").partition("/")[2]
    return f"{medium['sha256']}.{extension}"
