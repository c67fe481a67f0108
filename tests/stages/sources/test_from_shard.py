"""Shards as input: the rows that went into them, with the bytes of their pictures."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.folder import RunFolder
from stages.errors import StorageError
from stages.files import read_table
from stages.media import Location, MediaStore
from stages.record import SCHEMA
from stages.shards import TOKEN_COLUMNS
from stages.sources.from_shard import is_shard
from stages.sources.read_parquet import ReadParquet
from stages.stage import Batch
from tests.pipelines.synthetic_run import recipe, synthetic_run


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """A run of rows with pictures, scores and further columns, and its shards."""
    return synthetic_run(tmp_path_factory.mktemp("shards") / "run", recipe(rows=40))


def kept(folder: RunFolder) -> pa.Table:
    last = max(int(path.name) for path in (folder.root / "segments").glob("[0-9]*"))
    files = sorted(folder.segment(last).glob("*.kept.parquet"))
    return pa.concat_tables([read_table(path) for path in files], promote_options="default")


def read(folder: Path) -> list[pa.Table]:
    source = ReadParquet(paths=(str(folder),))
    return [chunk.rows for unit in source.units() for chunk in source.read(unit)]


def without_places(table: pa.Table) -> list[dict[str, object]]:
    rows = table.select([name for name in table.column_names if name not in TOKEN_COLUMNS])
    rows = rows.drop_columns(["stamp"]) if "stamp" in rows.column_names else rows
    return [
        {**row, "media": [{**medium, "location": None} for medium in row["media"]]}
        for row in rows.to_pylist()
    ]


def test_rows_come_back_as_they_went_in(ran):
    found = pa.concat_tables(read(ran.shards))
    assert found.num_rows > 20
    assert found.schema.field("meta").type.equals(SCHEMA.field("meta").type)
    assert not set(found.column_names) & {"images", *TOKEN_COLUMNS}
    assert without_places(found) == without_places(kept(ran))


def test_the_source_names_the_columns_that_it_gives(ran):
    source = ReadParquet(paths=(str(ran.shards),))
    (first, *_) = read(ran.shards)
    assert source.columns() >= set(first.column_names)
    assert not source.columns() & {"images", "input_ids"}


def test_pictures_are_read_out_of_the_shard(ran, tmp_path):
    store, seen = MediaStore(root=tmp_path), 0
    for table in read(ran.shards):
        for medium in Batch(table=table, store=store).media().values.to_pylist():
            data = store.read(Location(**medium["location"]))
            assert hashlib.sha256(data).hexdigest() == medium["sha256"]
            seen += 1
    assert seen > 20


def test_pictures_are_found_in_every_row_group_and_batch(ran, tmp_path):
    (path,) = ran.shards.glob("*.parquet")
    table = pq.read_table(path)
    pq.write_table(table, tmp_path / "cut.parquet", row_group_size=7)
    assert is_shard(table.schema)
    assert hashes(tmp_path) == hashes(ran.shards)


def hashes(folder: Path) -> list[str]:
    store = MediaStore(root=folder)
    media = [
        medium
        for table in read(folder)
        for row in table.column("media").to_pylist()
        for medium in row
    ]
    return [hashlib.sha256(store.read(Location(**each["location"]))).hexdigest() for each in media]


def test_a_shard_that_went_away_or_changed_is_told(ran, tmp_path):
    (path,) = ran.shards.glob("*.parquet")
    copy = tmp_path / "a.parquet"
    copy.write_bytes(path.read_bytes())
    (table,) = read(tmp_path)
    place = (
        Batch(table=table, store=MediaStore(root=tmp_path)).media().values[0]["location"].as_py()
    )
    with pytest.raises(StorageError, match="has changed since"):
        MediaStore(root=tmp_path).read(Location(**{**place, "length": 1}))
    gone = {**place, "pack": str(tmp_path / "gone.parquet")}
    with pytest.raises(StorageError, match=r"gone\.parquet is missing"):
        MediaStore(root=tmp_path).read(Location(**gone))
