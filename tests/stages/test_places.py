"""Files on object storage: whole or not at all, and what is said when it cannot be reached."""

from __future__ import annotations

import sys
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pytest
from s3fs import S3FileSystem

from pipelines.folder import folder_at, read_batch, write_batches
from stages.errors import StorageError
from stages.files import atomic, read_table, sha256_of, write_table
from stages.media import Location, MediaStore
from stages.places import END_BYTES, names_in, open_ranged, place, read_bytes, remove
from stages.sources.read_warc import ReadWarc
from tests.object_storage import BUCKET, counted, refusing, s3_server

RUNS = f"s3://{BUCKET}/runs"


@pytest.fixture(scope="module")
def server():
    with s3_server() as server:
        yield server


def test_a_table_comes_back_with_the_bytes_of_a_local_one(server, tmp_path):
    table = pa.table({"a": list(range(1000)), "b": ["x"] * 1000})
    with counted() as requests:
        measure = write_table(place(f"{RUNS}/t/a.parquet"), table)
        assert read_table(place(f"{RUNS}/t/a.parquet")).equals(table)
        assert read_table(place(f"{RUNS}/t/a.parquet"), ["b"]).equals(table.select(["b"]))
    assert (requests.of("PUT"), len(requests.lines)) == (1, 3)
    assert measure.bytes == write_table(tmp_path / "a.parquet", table).bytes
    assert server.objects("runs/t") == {"a.parquet": (tmp_path / "a.parquet").read_bytes()}
    assert measure.sha256 == sha256_of(tmp_path / "a.parquet")


def test_of_a_large_file_only_the_batch_asked_for_is_fetched(server):
    noise = np.random.default_rng(5).integers(0, 1 << 62, (8, 1 << 17))
    tables = [pa.table({"a": row}) for row in noise]  # 1 MiB each
    path = place(f"{RUNS}/batches/a.arrow")
    write_batches(path, tables[0].schema, tables)
    with counted() as requests:
        assert read_batch(path, 3).equals(tables[3])
    assert len(requests.lines) <= 5


def test_a_file_is_read_at_random_as_a_local_one_is(server, tmp_path):
    data = np.random.default_rng(1).bytes(3 * END_BYTES)
    server.put("random/a", data)
    with open_ranged(place(f"s3://{BUCKET}/random/a"), 10_000) as file:
        for start, count in ((0, 5), (600_000, 9), (100, 300_000), (len(data) - 7, 99), (5, 0)):
            file.seek(start)
            assert file.read(count) == data[start : start + count]
        file.seek(0)
        assert file.read() == data


def test_ranges_listings_and_removals_are_as_on_a_disk(server, tmp_path):
    for folder in (place(f"{RUNS}/small"), tmp_path / "small"):
        with atomic(folder / "a") as file:
            file.write(b"0123456789")
        assert [read_bytes(folder / "a", *each) for each in ((), (2, 5), (8, 20), (50, 60))] == [
            b"0123456789",
            b"234",
            b"89",
            b"",
        ]
        assert names_in(folder) == {"a"}
        remove([folder / "a", folder / "missing"])
        assert names_in(folder) == names_in(folder / "nowhere") == frozenset()
        with pytest.raises(FileNotFoundError):
            read_bytes(folder / "a")


def fill(path, mib, *, fails=False):
    """Write a file of so many MiB, or fail in the middle of it."""
    with atomic(path) as file:
        for _ in range(mib):
            file.write(bytes(1 << 20))
        if fails:
            raise KeyError


def test_a_block_that_fails_leaves_no_object(server):
    with pytest.raises(KeyError):
        fill(place(f"{RUNS}/failing/a.pack"), 1, fails=True)
    assert server.objects("runs/failing") == {}


def test_an_upload_that_fails_half_way_leaves_no_object_and_no_parts(server):
    sent = S3FileSystem._call_s3

    async def lost(self, method, *args, **kwargs):
        if method == "upload_part" and kwargs["PartNumber"] == 3:
            raise ConnectionError("the line went dead")
        return await sent(self, method, *args, **kwargs)

    cut_off = patch.object(S3FileSystem, "_call_s3", lost)
    with cut_off, pytest.raises(StorageError, match="the server is not reachable"):
        fill(place(f"{RUNS}/lost/a.pack"), 120)
    assert server.objects("runs/lost") == {}
    assert server.fs.call_s3("list_multipart_uploads", Bucket=BUCKET).get("Uploads", []) == []


def test_wrong_credentials_are_told(server):
    path = server.put("secret/a.warc.gz", b"x")
    with refusing():
        with pytest.raises(StorageError, match=r"access is denied .* check the credentials"):
            folder_at(f"{RUNS}/refused").lock().__enter__()
        with pytest.raises(StorageError, match="access is denied"):
            ReadWarc(paths=(path,)).units()
        with pytest.raises(StorageError, match="access is denied"):
            MediaStore(root=place(f"{RUNS}/x")).read(Location(pack="a.pack", offset=0, length=1))


def test_a_server_that_does_not_answer_is_told(server, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    S3FileSystem.clear_instance_cache()
    with pytest.raises(StorageError, match=r"not reachable .* check AWS_ENDPOINT_URL"):
        folder_at(f"{RUNS}/x").lock().__enter__()
    S3FileSystem.clear_instance_cache()


def test_a_bucket_that_is_not_there_is_named(server):
    with pytest.raises(StorageError, match=r"s3://no-such/run/\.lock: there is no such bucket"):
        folder_at("s3://no-such/run").lock().__enter__()
    with pytest.raises(StorageError, match="there is no such bucket"):
        ReadWarc(paths=("s3://no-such/*.warc.gz",)).units()


def test_a_missing_package_and_an_unknown_scheme_are_named():
    known = patch.dict("fsspec.registry._registry", clear=True)
    absent = patch.dict(sys.modules, {"s3fs": None})
    with known, absent, pytest.raises(StorageError, match="needs universal_pathlib and s3fs"):
        place("s3://elsewhere/key")
    with pytest.raises(StorageError, match=r"write a local path or s3://bucket/key"):
        place("nowhere://bucket/key")
