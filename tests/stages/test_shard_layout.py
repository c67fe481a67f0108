"""The columns of a shard; what `datasets` makes of them is tested with WriteShards."""

import json

import pyarrow as pa
import pytest

from stages import shard_layout
from stages.errors import RecordError
from stages.media import MediaStore, write_pack
from stages.record import EMBEDDINGS, PAYLOAD, SCHEMA, document, media_part, table_of
from stages.shard_layout import FILES, finish, shard_schema
from stages.shards import STAMP_KEY, TOKEN_COLUMNS
from stages.stage import Batch
from stages.tokenize_sample import TokenizeSample

TOKENIZED = pa.schema(
    [
        *SCHEMA,
        (PAYLOAD, pa.large_binary()),
        ("embedding.clip", EMBEDDINGS),
        *TOKEN_COLUMNS.items(),
        ("stamp", pa.string()),
    ]
)


def test_no_map_is_left_at_any_depth():
    schema = shard_schema(TOKENIZED, stamp="{}", videos=False)
    assert "map<" in str(TOKENIZED)
    assert "map<" not in str(schema)
    assert schema.field("meta").type == pa.list_(
        pa.struct({"key": pa.string(), "value": pa.string()})
    )


def test_pictures_stand_before_what_describes_them():
    names = shard_schema(TOKENIZED, stamp="{}", videos=True).names
    assert names.index("videos") == names.index("images") + 1 == names.index("media") - 1


def test_payload_embeddings_and_stamp_are_no_columns_of_a_shard():
    schema = shard_schema(TOKENIZED, stamp='{"a": 1}', videos=False)
    assert not {PAYLOAD, "embedding.clip", "stamp", "videos"} & set(schema.names)
    assert schema.metadata[STAMP_KEY] == b'{"a": 1}'


def test_only_columns_that_are_there_are_declared_to_datasets():
    schema = shard_schema(TOKENIZED, stamp="{}", videos=False)
    features = json.loads(schema.metadata[b"huggingface"])["info"]["features"]
    assert features == {"images": [{"_type": "Image"}]}
    assert schema.field("images").type == FILES


def test_more_bytes_than_an_array_holds_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(shard_layout, "CHUNK_LIMIT", 9)
    with write_pack(tmp_path / "a.pack") as pack:
        _, place = pack.add(b"0123456789")
    medium = {"type": "image", "width_px": 28, "height_px": 28, "location": vars(place)}
    row = {"id": "ab", "messages": document([media_part(0)]), "media": [medium]}
    batch = Batch(table=table_of([row]), store=MediaStore(root=tmp_path))
    rows = TokenizeSample(processor="tiny").build()(batch).table
    schema = shard_schema(rows.schema, stamp="{}", videos=False)
    with pytest.raises(RecordError, match="sample ab shows 10 bytes of media"):
        finish(rows, batch.store, schema)
