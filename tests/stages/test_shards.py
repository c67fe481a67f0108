"""Stamps, shard descriptions and the manifest."""

import dataclasses
import json

import pyarrow as pa
import pytest

from stages.errors import StorageError
from stages.files import write_table
from stages.shards import (
    STAMP_KEY,
    Stamp,
    Tally,
    read_manifest,
    read_stamp,
    verify,
    write_manifest,
)

STAMP = Stamp(
    tokenizer="ab12", template="v1", min_pixels=3136, max_pixels=50_176, coordinates="pixels"
)


def shard(folder, name, kinds, stamp=STAMP):
    """Write a shard of samples of 10 tokens, 4 of them labels, and one 8-patch picture."""
    counts = {"n_tokens": 10, "n_label_tokens": 4, "n_patches": 8}
    columns = {key: pa.array([value] * len(kinds), pa.int32()) for key, value in counts.items()}
    table = pa.table({"kind": kinds, **columns})
    stamped = table.replace_schema_metadata({STAMP_KEY: stamp.to_json()})
    tally = Tally()
    tally.add(stamped)
    return tally.info(name, write_table(folder / name, stamped))


@pytest.fixture
def folder(tmp_path):
    infos = [
        shard(tmp_path, "part-00001.parquet", ["qa"]),
        shard(tmp_path, "part-00000.parquet", ["qa", "interleaved"]),
    ]
    write_manifest(tmp_path, infos)
    return tmp_path


def test_a_shard_is_counted_exactly(tmp_path):
    info = shard(tmp_path, "part-00000.parquet", ["qa", "qa", "text"])
    assert (info.rows, info.n_tokens, info.n_label_tokens) == (3, 30, 12)
    assert (info.n_patches, info.n_image_tokens) == (24, 6)
    assert info.kinds == {"qa": 2, "text": 1}
    assert info.bytes == (tmp_path / info.file).stat().st_size


def test_a_stamp_comes_back_from_the_footer(folder):
    assert read_stamp(folder / "part-00000.parquet") == STAMP


def test_a_file_without_a_stamp_is_not_a_shard(tmp_path):
    write_table(tmp_path / "a.parquet", pa.table({"a": [1]}))
    with pytest.raises(StorageError, match="is not a shard"):
        read_stamp(tmp_path / "a.parquet")


@pytest.mark.parametrize("text", ["{}", "no json", "[]", '{"other": 1}'])
def test_a_stamp_of_another_make_is_refused(text):
    with pytest.raises(StorageError, match="not the stamp of a shard"):
        Stamp.from_json(text)


def test_the_manifest_adds_up_its_shards_in_order_of_name(folder):
    manifest = read_manifest(folder)
    assert [info.file for info in manifest.shards] == ["part-00000.parquet", "part-00001.parquet"]
    assert manifest.totals["rows"] == 3
    assert manifest.totals["n_tokens"] == 30
    assert manifest.totals["bytes"] == sum(info.bytes for info in manifest.shards)
    assert manifest.kinds == {"interleaved": 1, "qa": 2}
    assert manifest.stamp == STAMP


def test_the_manifest_on_disk_says_the_totals_too(folder):
    content = json.loads((folder / "manifest.json").read_text())
    assert content["totals"]["rows"] == 3
    assert content["kinds"] == {"interleaved": 1, "qa": 2}


def test_a_run_without_shards_has_a_manifest_without_a_stamp(tmp_path):
    manifest = write_manifest(tmp_path, [])
    assert manifest.stamp is None
    assert manifest.totals["rows"] == 0
    assert read_manifest(tmp_path) == manifest


def test_shards_made_for_different_models_are_not_put_together(tmp_path):
    other = dataclasses.replace(STAMP, max_pixels=784)
    infos = [
        shard(tmp_path, "part-00000.parquet", ["qa"]),
        shard(tmp_path, "part-00001.parquet", ["qa"], other),
    ]
    with pytest.raises(StorageError, match="tokenized for different models"):
        write_manifest(tmp_path, infos)


def test_sound_shards_verify(folder):
    assert verify(folder) == ()


def test_a_flipped_byte_is_found(folder):
    path = folder / "part-00001.parquet"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    assert verify(folder) == (
        "part-00001.parquet is damaged: its sha256 differs from the manifest's",
    )


def test_missing_cut_and_unknown_shards_are_named(folder):
    (folder / "part-00000.parquet").unlink()
    cut = folder / "part-00001.parquet"
    size = cut.stat().st_size
    cut.write_bytes(cut.read_bytes()[:100])
    shard(folder, "part-00002.parquet", ["qa"])
    assert verify(folder) == (
        "part-00000.parquet is missing",
        f"part-00001.parquet has 100 bytes, the manifest says {size}",
        "part-00002.parquet is not in the manifest",
    )


def test_a_missing_manifest_says_so(tmp_path):
    with pytest.raises(StorageError, match=r"manifest\.json is missing"):
        read_manifest(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", '{"stamp": null}', '{"stamp": null, "shards": [{}]}'])
def test_a_damaged_manifest_says_so(tmp_path, text):
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(StorageError, match=r"manifest\.json is damaged"):
        read_manifest(tmp_path)
