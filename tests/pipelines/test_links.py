"""Files of one run folder given to another: linked, copied, and never half there."""

import os

import pytest

from pipelines.links import give
from stages.places import place


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "old" / "a.parquet"
    path.parent.mkdir()
    path.write_bytes(b"rows")
    return path


def test_on_one_disk_a_file_is_linked_and_outlives_its_first_name(source, tmp_path):
    target = tmp_path / "new" / "1" / "a.parquet"
    give(source, target)
    assert target.samefile(source)
    give(source, target)
    source.unlink()
    assert target.read_bytes() == b"rows"
    assert os.listdir(target.parent) == ["a.parquet"]


def test_between_disks_a_file_is_copied(source, tmp_path, monkeypatch):
    def refuse(*paths):
        raise OSError("Invalid cross-device link")

    monkeypatch.setattr("os.link", refuse)
    target = tmp_path / "new" / "a.parquet"
    give(source, target)
    assert target.read_bytes() == b"rows"
    assert not target.samefile(source)
    assert os.listdir(target.parent) == ["a.parquet"]


def test_a_file_that_has_changed_is_given_again(source, tmp_path):
    target = tmp_path / "a.parquet"
    target.write_bytes(b"others")
    give(source, target)
    assert target.read_bytes() == b"rows"


def test_a_file_goes_to_object_storage_within_it_and_back(source, tmp_path):
    store = place(f"memory://{tmp_path.name}")
    give(source, store / "a")
    give(store / "a", store / "b")
    give(store / "b", tmp_path / "c")
    assert (tmp_path / "c").read_bytes() == b"rows"
