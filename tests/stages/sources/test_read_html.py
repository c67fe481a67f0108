"""ReadHtml."""

import pytest

from stages.input_paths import InputFile
from stages.sources import read_html
from stages.sources.read_html import ReadHtml
from stages.stage import Fault


def read(*paths, **options):
    source = ReadHtml(paths=tuple(map(str, paths)), **options)
    return [chunk for unit in source.units() for chunk in source.read(unit)]


def rows(chunks):
    return [row for chunk in chunks for row in chunk.rows.to_pylist()]


@pytest.fixture
def site(tmp_path):
    (tmp_path / "sub dir").mkdir()
    for number, name in enumerate(["a.html", "b.htm", "sub dir/c.html"]):
        (tmp_path / name).write_bytes(b"<p>" + bytes([0xE0 + number]))
    (tmp_path / "picture.png").write_bytes(b"x")
    return tmp_path


def test_each_file_is_a_page_with_its_file_uri_and_folder(site):
    found = rows(read(site))
    assert [row["source"]["uri"] for row in found] == [
        f"file://{site}/a.html",
        f"file://{site}/b.htm",
        f"file://{site}/sub%20dir/c.html",
    ]
    assert {row["source"]["dataset"] for row in found} == {str(site)}
    assert [row["payload"] for row in found] == [b"<p>\xe0", b"<p>\xe1", b"<p>\xe2"]
    assert found[0]["kind"] == "interleaved"
    assert dict(found[0]["meta"]) == {"content_type": "text/html"}


def test_equal_files_have_different_ids(site):
    (site / "b.htm").write_bytes((site / "a.html").read_bytes())
    assert len({row["id"] for row in rows(read(site))}) == 3


def test_units_are_ranges_of_files_and_give_the_same_rows(site):
    source = ReadHtml(paths=(str(site),), unit_files=2)
    assert [(unit.start, unit.stop) for unit in source.units()] == [(0, 2), (2, 3)]
    assert rows(read(site, unit_files=2)) == rows(read(site))


def test_a_page_at_the_limit_is_read_and_a_larger_one_is_a_fault(site):
    (site / "a.html").write_bytes(b"x" * (1 << 20))
    (site / "b.htm").write_bytes(b"x" * ((1 << 20) + 1))
    chunks = read(site, max_page_mb=1)
    assert [len(row["payload"]) for row in rows(chunks)] == [1 << 20, 4]
    assert chunks[0].faults == (
        Fault(path=f"{site}/b.htm", offset=0, message="the page is larger than max_page_mb, 1 MB"),
    )


def test_a_file_that_cannot_be_read_is_a_fault(site, monkeypatch):
    source = ReadHtml(paths=(str(site),))
    [unit] = source.units()
    vanished = [InputFile(path=site / "gone.html", root=site)]
    monkeypatch.setattr(read_html, "_files", lambda *_: vanished)
    [chunk] = source.read(unit)
    assert chunk.rows.num_rows == 0
    assert chunk.faults[0].message == "cannot be read: No such file or directory"
