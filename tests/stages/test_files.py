"""Files that appear whole or not at all."""

import errno
import os
import subprocess
import sys

import pyarrow as pa
import pytest

from stages import files
from stages.errors import StorageError
from stages.files import atomic, read_table, settle, sha256_of, sweep, write_bytes, write_table

TABLE = pa.table({"a": [1, 2, 3], "b": ["x", None, "z"]})


def test_a_table_comes_back_as_it_was(tmp_path):
    write_table(tmp_path / "t.parquet", TABLE)
    assert read_table(tmp_path / "t.parquet").equals(TABLE)
    assert read_table(tmp_path / "t.parquet", ["b"]).equals(TABLE.select(["b"]))


def test_an_empty_table_keeps_its_columns(tmp_path):
    write_table(tmp_path / "t.parquet", TABLE.slice(0, 0))
    assert read_table(tmp_path / "t.parquet").schema.equals(TABLE.schema)


def test_equal_tables_give_equal_bytes(tmp_path):
    write_table(tmp_path / "a.parquet", TABLE)
    write_table(tmp_path / "b.parquet", TABLE)
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


def test_folders_on_the_way_are_made(tmp_path):
    write_bytes(tmp_path / "x/y/z.json", b"{}")
    assert (tmp_path / "x/y/z.json").read_bytes() == b"{}"


def test_the_sha256_is_that_of_the_bytes(tmp_path):
    write_bytes(tmp_path / "a", b"abc")
    assert sha256_of(tmp_path / "a").startswith("ba7816bf8f01cfea414140de5dae2223")


def fail_half_way(path):
    with atomic(path) as file:
        file.write(b"half")
        raise KeyError


def test_an_error_while_writing_leaves_the_old_file_and_nothing_else(tmp_path):
    write_bytes(tmp_path / "a", b"old")
    with pytest.raises(KeyError):
        fail_half_way(tmp_path / "a")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_bytes() == b"old"


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "the disk is full; free space"),
        (errno.EROFS, "read-only; write to another folder"),
        (errno.EACCES, "may not write there; change its rights"),
        (errno.EIO, "Input/output error"),
    ],
)
def test_a_failed_write_names_the_file_and_the_remedy(number, remedy, tmp_path, monkeypatch):
    def fail(_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(files.os, "fsync", fail)
    with pytest.raises(StorageError, match=rf"cannot write .*t\.parquet: .*{remedy}"):
        write_table(tmp_path / "t.parquet", TABLE)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_a_file_is_a_storage_error(tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(StorageError, match="cannot write"):
        write_bytes(tmp_path / "taken" / "a", b"")


KILLED = """
import os, sys
from pathlib import Path
import pyarrow as pa
from stages.files import write_table
os.replace = lambda *_: os.kill(os.getpid(), 9)
write_table(Path(sys.argv[1]), pa.table({"a": [1]}))
"""


def test_a_writer_killed_before_the_rename_leaves_no_file(tmp_path):
    path = tmp_path / "part-00000.parquet"
    killed = subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False)
    assert killed.returncode == -9
    (left,) = tmp_path.iterdir()
    assert left.suffix == ".tmp"
    write_table(path, TABLE)
    sweep(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["part-00000.parquet"]


def test_a_missing_table_says_so(tmp_path):
    with pytest.raises(StorageError, match="is missing; run the same command again"):
        read_table(tmp_path / "none.parquet")


@pytest.mark.parametrize("keep", [0, 10, -1])
def test_a_cut_off_table_is_damaged(tmp_path, keep):
    path = tmp_path / "t.parquet"
    write_table(path, TABLE)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(StorageError, match="is damaged"):
        read_table(path)


def synced(monkeypatch) -> list[str]:
    """Return a list to which the names of what is synced are added."""
    names = []

    def note(descriptor):
        names.append(os.path.basename(os.readlink(f"/proc/self/fd/{descriptor}")))

    monkeypatch.setattr(files.os, "fsync", note)
    return names


def test_a_file_and_its_folder_are_kept_for_good_when_it_is_written(tmp_path, monkeypatch):
    names = synced(monkeypatch)
    write_bytes(tmp_path / "grain", b"rye")
    assert [name.partition(".")[0] for name in names] == ["grain", tmp_path.name]


def test_files_are_settled_together_and_their_folders_once(tmp_path, monkeypatch):
    names = synced(monkeypatch)
    paths = [tmp_path / "rye", tmp_path / "oats", tmp_path / "bran" / "wheat"]
    for path in paths:
        write_bytes(path, b"grain", settled=False)
    assert names == []
    settle(paths)
    assert names == ["rye", "oats", "wheat", tmp_path.name, "bran"]


def test_a_file_that_cannot_be_settled_is_named(tmp_path):
    with pytest.raises(StorageError, match=r"cannot write .*grain"):
        settle([tmp_path / "grain"])
