"""What is read of shards to plan an epoch, and shards that are refused."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from stages.errors import NotReadyError, StorageError
from stages.files import read_table, write_table
from stages.shards import STAMP_KEY
from tests.trainer.shards import pictures, row, rows_in, stamp_of, write_shards
from trainer.counts import Chunk, Group, read_counts


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("counts")
    shown = pictures(root, 3)
    rows = [
        row(f"row {number}", media=shown[: number % 4], dataset=f"set {number % 2}", kind=kind)
        for number, kind in enumerate(["qa", "caption", "qa"] * 3)
    ]
    return write_shards(root, rows, chunk_rows=2, shard_chunks=2)


def test_counts_are_those_of_the_rows(folder):
    counts, rows = read_counts(folder, stamp_of(folder)), rows_in(folder)
    assert len(counts) == len(rows) == 9
    for name in ("n_tokens", "n_label_tokens", "n_patches"):
        values = getattr(counts, name)
        assert values.tolist() == [each[name] for each in rows]
        assert values.dtype == np.int32
    groups = [(each["source"]["dataset"], each["kind"]) for each in rows]
    assert [counts.groups[index] for index in counts.group] == groups
    assert counts.groups == tuple(sorted({Group(*each) for each in groups}))


def test_chunks_are_the_row_groups_in_order(folder):
    counts = read_counts(folder, stamp_of(folder))
    files = ["part-00000.parquet", "part-00001.parquet", "part-00002.parquet"]
    places = [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0)]
    assert counts.chunks == tuple(Chunk(files[shard], group) for shard, group in places)
    assert counts.first.tolist() == [0, 2, 4, 6, 8, 9]
    assert counts.chunk_of.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tokenizer", "another"),
        ("template", "another-1"),
        ("min_pixels", 1),
        ("max_pixels", 50_176),
        ("coordinates", "thousandths"),
        ("schema_version", 0),
    ],
)
def test_shards_for_another_model_are_refused_and_both_values_named(folder, name, value):
    stamp = stamp_of(folder)
    theirs = getattr(stamp, name)
    with pytest.raises(NotReadyError) as caught:
        read_counts(folder, replace(stamp, **{name: value}))
    assert f"{name} {theirs!r}, the trainer {value!r}" in str(caught.value)
    assert str(folder) in str(caught.value)


def test_a_shard_with_other_rows_than_the_manifest_says_is_refused(tmp_path):
    folder = write_shards(tmp_path, [row("one"), row("two")])
    table = read_table(folder / "part-00000.parquet")
    write_table(folder / "part-00000.parquet", table.slice(0, 1))
    with pytest.raises(StorageError, match="holds 1 samples, the manifest says 2"):
        read_counts(folder, stamp_of(folder))


def test_a_shard_with_another_stamp_than_the_manifest_is_refused(tmp_path):
    folder = write_shards(tmp_path, [row("one")])
    stamp, path = stamp_of(folder), folder / "part-00000.parquet"
    other = replace(stamp, max_pixels=1).to_json()
    table = read_table(path)
    metadata = {**table.schema.metadata, STAMP_KEY: other.encode()}
    write_table(path, table.replace_schema_metadata(metadata))
    with pytest.raises(StorageError, match="another stamp than the manifest"):
        read_counts(folder, stamp)


def test_a_file_without_token_columns_is_refused(tmp_path):
    folder = write_shards(tmp_path, [row("one")])
    write_table(folder / "part-00000.parquet", pa.table({"id": ["one"]}))
    with pytest.raises(NotReadyError, match="has no column n_tokens"):
        read_counts(folder, stamp_of(folder))


def test_a_folder_without_manifest_is_refused(tmp_path):
    with pytest.raises(StorageError, match=r"manifest\.json is missing"):
        read_counts(tmp_path, stamp_of(write_shards(tmp_path / "other", [row("one")])))
