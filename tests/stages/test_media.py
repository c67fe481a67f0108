import hashlib

import pytest

from stages.errors import StorageError
from stages.media import Location, MediaStore, write_pack


def test_what_is_written_to_a_pack_is_read_back_by_its_location(tmp_path):
    with write_pack(tmp_path / "a.pack") as pack:
        stored = [pack.add(data) for data in (b"first", b"", b"second")]
    store = MediaStore(root=tmp_path)
    assert [store.read(location) for _, location in stored] == [b"first", b"", b"second"]
    assert stored[2] == (
        hashlib.sha256(b"second").hexdigest(),
        Location(pack="a.pack", offset=5, length=6),
    )


def test_equal_contents_are_stored_once(tmp_path):
    with write_pack(tmp_path / "a.pack") as pack:
        first, again = pack.add(b"picture"), pack.add(b"picture")
    assert first == again
    assert (tmp_path / "a.pack").read_bytes() == b"picture"


def test_a_pack_takes_its_name_only_when_it_is_whole(tmp_path):
    with write_pack(tmp_path / "packs" / "a.pack") as pack:
        pack.add(b"picture")
        assert not (tmp_path / "packs" / "a.pack").exists()
    assert [path.name for path in (tmp_path / "packs").iterdir()] == ["a.pack"]


def test_an_error_leaves_no_pack_behind(tmp_path):
    with pytest.raises(ZeroDivisionError), write_pack(tmp_path / "a.pack") as pack:
        pack.add(bytes([1 // (pack is None)]))
    assert list(tmp_path.iterdir()) == []


def test_writing_a_pack_again_replaces_it(tmp_path):
    for data in (b"longer than the next", b"short"):
        with write_pack(tmp_path / "a.pack") as pack:
            pack.add(data)
    assert (tmp_path / "a.pack").read_bytes() == b"short"


def test_a_missing_pack_is_named_with_the_remedy(tmp_path):
    with pytest.raises(StorageError, match=r"gone\.pack is missing; run the same command again"):
        MediaStore(root=tmp_path).read(Location(pack="gone.pack", offset=0, length=1))


def test_a_pack_that_is_too_short_is_named_with_the_byte(tmp_path):
    (tmp_path / "a.pack").write_bytes(b"12345")
    assert MediaStore(root=tmp_path).read(Location(pack="a.pack", offset=1, length=4)) == b"2345"
    with pytest.raises(StorageError, match=r"a\.pack ends before byte 6"):
        MediaStore(root=tmp_path).read(Location(pack="a.pack", offset=1, length=5))
