"""The record: one Arrow schema for every kind of sample, one row per sample.

Column       Meaning
-----------  ----------------------------------------------------------------------------
id           32 hex digits, blake2b-128 of the content at birth; never changes
kind         interleaved, caption, grounding, ocr, video, agent, qa, text
source       where it came from: dataset, uri, licence, byte offset, ids of its parents
messages     role (document, system, user, assistant, rejected) and parts; a part is text, image or
             video (`index` into `media`), box or point (`index` into `regions`)
media        pictures and videos by reference: bytes stay in packs until the final shards
regions      boxes and points in **original** pixels, never in those of a resized picture
tags         domain, language, ...
meta         what a source carried along
score.*      float32, one column per score of a filter that judged the sample
cluster.*    string, the id of the sample that stands for this one after deduplication
embedding.*  map from the sha256 of a medium to its unit vector, float16; shards leave it out
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, Final

import pyarrow as pa

from stages.errors import RecordError

SCHEMA_VERSION: Final = 1

SCORES: Final = pa.map_(pa.string(), pa.float32())

SOURCE: Final = pa.struct(
    {
        "dataset": pa.string(),
        "uri": pa.string(),
        "licence": pa.string(),
        "offset": pa.int64(),  # bytes into the file named by `dataset`; null when it has none
        "parents": pa.list_(pa.string()),
    }
)
PART: Final = pa.struct(
    {"type": pa.string(), "text": pa.string(), "index": pa.int32(), "scores": SCORES}
)
MESSAGE: Final = pa.struct({"role": pa.string(), "parts": pa.list_(PART)})
LOCATION: Final = pa.struct({"pack": pa.string(), "offset": pa.int64(), "length": pa.int64()})
MEDIA: Final = pa.struct(
    {
        "type": pa.string(),  # image or video
        "uri": pa.string(),
        "sha256": pa.string(),
        "mime": pa.string(),
        "width_px": pa.int32(),  # as shown, after EXIF orientation
        "height_px": pa.int32(),
        "duration_s": pa.float64(),
        "frame_times_s": pa.list_(pa.float64()),
        "alt": pa.string(),
        "title": pa.string(),
        "caption": pa.string(),
        "status": pa.string(),  # null: not fetched yet; ok; or what went wrong
        "location": LOCATION,
        "scores": SCORES,
    }
)
REGION: Final = pa.struct(
    {
        "media": pa.int32(),
        "label": pa.string(),
        "box": pa.list_(pa.float64()),  # x1, y1, x2, y2
        "point": pa.list_(pa.float64()),  # x, y
        "mask": pa.string(),  # COCO run-length encoding
        "score": pa.float32(),
        "origin": pa.string(),
    }
)

SCHEMA: Final = pa.schema(
    {
        "id": pa.string(),
        "kind": pa.string(),
        "source": SOURCE,
        "messages": pa.list_(MESSAGE),
        "media": pa.list_(MEDIA),
        "regions": pa.list_(REGION),
        "tags": pa.list_(pa.string()),
        "meta": pa.map_(pa.string(), pa.string()),
    }
)
KINDS: Final = frozenset(
    {"interleaved", "caption", "grounding", "ocr", "video", "agent", "qa", "text"}
)
PAYLOAD: Final = "payload"
"""Column of raw bytes (large_binary) between a source and the stage that parses them."""
EMBEDDING: Final = "embedding."
"""Prefix of columns of embeddings, keyed by content so that dropping media cannot shift them."""
EMBEDDINGS: Final = pa.map_(pa.string(), pa.list_(pa.float16()))


def content_id(*pieces: str | bytes) -> str:
    """Return 32 hex digits: blake2b-128 over the pieces, each preceded by its length.

    >>> content_id("http://quern.example/", b"<html>")
    'e7c5e82e3fa6de832666d434b77a7c47'
    """
    digest = hashlib.blake2b(digest_size=16)
    for piece in pieces:
        data = piece.encode() if isinstance(piece, str) else piece
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)
    return digest.hexdigest()


def column_type(name: str) -> pa.DataType | None:
    """Return the type that the record prescribes for a column, or None for a free one."""
    if name in SCHEMA.names:
        return SCHEMA.field(name).type
    if name.startswith("score."):
        return pa.float32()
    if name.startswith("cluster."):
        return pa.string()
    if name.startswith(EMBEDDING):
        return EMBEDDINGS
    if name == PAYLOAD:
        return pa.large_binary()
    return None


def conform(table: pa.Table) -> pa.Table:
    """Return the table with every record column present, typed and in order.

    Missing columns become null (an empty list for list columns); columns beyond the record
    keep their place behind it, sorted by name, so that equal rows give equal bytes.

    Raises:
        RecordError: when a column cannot be cast to the type that the record prescribes.
    """
    extras = sorted(name for name in table.column_names if name not in SCHEMA.names)
    names = [*SCHEMA.names, *extras]
    columns = [_typed_column(table, name) for name in names]
    # Parquet renames the entries of maps; types stay equal, but files written from them do not
    types = [column_type(name) or column.type for name, column in zip(names, columns, strict=True)]
    return pa.Table.from_arrays(columns, schema=pa.schema(list(zip(names, types, strict=True))))


def _typed_column(table: pa.Table, name: str) -> pa.ChunkedArray | pa.Array:
    wanted = column_type(name)
    if name not in table.column_names:
        return empty_column(wanted, table.num_rows)
    column = table.column(name)
    if wanted is None or column.type.equals(wanted):
        return column
    try:
        return column.cast(wanted)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError) as error:
        raise RecordError(
            f"column {name!r} has type {column.type}, the record needs {wanted}: {error}"
        ) from error


def empty_column(type_: pa.DataType, length: int) -> pa.Array:
    """Return `length` empty values: [] for lists and maps, null for everything else."""
    if pa.types.is_list(type_) or pa.types.is_map(type_):
        return pa.array([[]] * length, type_)
    return pa.nulls(length, type_)


def table_of(rows: Iterable[Mapping[str, Any]]) -> pa.Table:
    """Build a conforming table from row dictionaries; keys left out become null or empty."""
    rows = list(rows)
    names = [*SCHEMA.names, *sorted({key for row in rows for key in row} - set(SCHEMA.names))]
    columns = {}
    for name in names:
        wanted = column_type(name)
        nested = wanted is not None and (pa.types.is_list(wanted) or pa.types.is_map(wanted))
        default: list[Any] | None = [] if nested else None
        values = [row.get(name, default) for row in rows]
        columns[name] = pa.array(values, wanted)
    return pa.table(columns)


def text_part(text: str) -> dict[str, Any]:
    """Return a text part."""
    return {"type": "text", "text": text}


def media_part(index: int, type_: str = "image") -> dict[str, Any]:
    """Return an image or video part that shows `media[index]`."""
    return {"type": type_, "index": index}


def document(parts: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return `messages` of one document-role message holding the parts."""
    return [{"role": "document", "parts": list(parts)}]
