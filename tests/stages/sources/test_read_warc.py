"""ReadWarc and the record walker under it, on small files made here and on real ones."""

import gzip
import itertools
import os
from pathlib import Path

import pyarrow as pa
import pytest
from fastwarc.stream_io import ZstdWriter
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.errors import SourceError
from stages.sources.read_warc import ReadWarc
from stages.sources.warc import Record, read_record, read_records
from stages.stage import Chunk, Fault, Unit
from tests.shared_data import SHARED, needs_shared


def http(body: bytes = b"<p>hi", *, status="200 OK", type_="text/html", extra="") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Type: {type_}\r\n{extra}\r\n".encode() + body


def record(uri: str, block: bytes, *, type_="response", length=None, id_="x") -> bytes:
    content = "application/http; msgtype=response" if type_ == "response" else "text/html"
    head = (
        f"WARC/1.1\r\nWARC-Type: {type_}\r\nWARC-Target-URI: {uri}\r\n"
        f"WARC-Date: 2026-01-02T03:04:05Z\r\nWARC-Record-ID: <urn:uuid:{id_}>\r\n"
        f"Content-Type: {content}\r\n"
        f"Content-Length: {len(block) if length is None else length}\r\n\r\n"
    )
    return head.encode() + block + b"\r\n\r\n"


def write(path: Path, records: list[bytes]) -> str:
    """Write a .gz of one member per record, or a plain file, by the name."""
    pack = gzip.compress if path.suffix == ".gz" else bytes
    path.write_bytes(b"".join(pack(each) for each in records))
    return str(path)


def read(path: str, **options) -> list[Chunk]:
    source = ReadWarc(paths=(path,), **options)
    return [chunk for unit in source.units() for chunk in source.read(unit)]


def rows(chunks: list[Chunk]) -> list[dict]:
    return pa.concat_tables([chunk.rows for chunk in chunks]).to_pylist()


def assets(chunks: list[Chunk]) -> list[dict]:
    return [row for chunk in chunks if chunk.assets for row in chunk.assets.to_pylist()]


def faults(chunks: list[Chunk]) -> list[Fault]:
    return [fault for chunk in chunks for fault in chunk.faults]


def page(number: int, body: bytes = b"<p>hi") -> bytes:
    return record(f"http://site.example/{number}", http(body), id_=str(number))


PAGES = [page(number, b"<p>" + bytes([97 + number]) * 50 * number) for number in range(6)]


def test_a_page_keeps_its_bytes_address_and_headers(tmp_path):
    block = http(b"<p>\xe9", extra="X-Robots-Tag: noai\r\nDate: today\r\n")
    path = write(tmp_path / "a.warc.gz", [record("http://a.example/", block)])
    [row] = rows(read(path))
    assert row["payload"] == b"<p>\xe9"
    assert row["kind"] == "interleaved"
    assert row["source"]["dataset"] == path
    assert row["source"]["uri"] == "http://a.example/"
    assert row["source"]["offset"] == 0
    assert dict(row["meta"]) == {
        "content_type": "text/html",
        "http_status": "200",
        "http_date": "today",
        "x_robots_tag": "noai",
        "warc_date": "2026-01-02T03:04:05Z",
    }


def test_ids_do_not_depend_on_the_folder(tmp_path):
    (tmp_path / "other").mkdir()
    first = rows(read(write(tmp_path / "a.warc.gz", PAGES)))
    second = rows(read(write(tmp_path / "other" / "a.warc.gz", PAGES)))
    assert [row["id"] for row in first] == [row["id"] for row in second]


def test_equal_pages_of_one_file_have_different_ids(tmp_path):
    found = rows(read(write(tmp_path / "a.warc.gz", [page(1), page(1)])))
    assert found[0]["id"] != found[1]["id"]


@pytest.mark.parametrize("name", ["a.warc", "a.warc.gz", "a.warc.zst"])
def test_every_compression_gives_the_same_pages(tmp_path, name):
    path = tmp_path / name
    if name.endswith(".zst"):
        write_zst(path, PAGES)
    else:
        write(path, PAGES)
    found = rows(read(str(path)))
    assert [row["source"]["uri"] for row in found] == [
        f"http://site.example/{number}" for number in range(6)
    ]
    assert [len(row["payload"]) for row in found] == [3 + 50 * number for number in range(6)]


def write_zst(path: Path, records: list[bytes]) -> None:
    with path.open("wb") as file:
        for each in records:
            writer = ZstdWriter(file)
            writer.write(each)
            writer.close()


@pytest.mark.parametrize("name", ["a.warc", "a.warc.gz", "a.warc.zst"])
def test_one_record_is_read_again_by_its_offset(tmp_path, name):
    path = tmp_path / name
    if name.endswith(".zst"):
        write_zst(path, PAGES)
    else:
        write(path, PAGES)
    for row in rows(read(str(path))):
        again = read_record(str(path), offset=row["source"]["offset"], max_bytes=10_000)
        assert again.uri == row["source"]["uri"]
        assert again.response().body(10_000) == row["payload"]


def test_reading_a_record_where_there_is_none_names_the_place(tmp_path):
    path = write(tmp_path / "a.warc.gz", PAGES)
    with pytest.raises(SourceError, match="no record at byte 7 of"):
        read_record(path, offset=7, max_bytes=100)


def test_pictures_and_failed_responses_become_assets(tmp_path):
    path = write(
        tmp_path / "a.warc.gz",
        [
            record("http://a.example/1.png", http(b"png", type_="image/png")),
            record("http://a.example/2.png", http(b"no", status="404 Not Found")),
            record("http://a.example/3", http(b"?", type_="binary/octet-stream")),
            record("http://a.example/4.jpg", http(b"<p>gone")),
            record("http://a.example/5.css", http(b"p{}", type_="text/css")),
        ],
    )
    chunks = read(path)
    assert [(row["uri"][-5:], row["mime"], row["status"]) for row in assets(chunks)] == [
        ("1.png", "image/png", "ok"),
        ("2.png", "text/html", "http 404"),
        ("ple/3", "binary/octet-stream", "ok"),
        ("4.jpg", "text/html", "ok"),
    ]
    assert [row["source"]["uri"] for row in rows(chunks)] == ["http://a.example/4.jpg"]


def test_resource_records_are_read_and_others_passed_over(tmp_path):
    path = write(
        tmp_path / "a.warc",
        [
            record("http://a.example/", b"<p>resource", type_="resource"),
            record("http://a.example/", b"GET / HTTP/1.1\r\n\r\n", type_="request"),
            record("http://a.example/", b"a: b\r\n", type_="metadata"),
        ],
    )
    [row] = rows(read(path))
    assert row["payload"] == b"<p>resource"
    assert faults(read(path)) == []


def test_a_response_without_http_header_is_a_fault(tmp_path):
    path = write(tmp_path / "a.warc.gz", [record("http://a.example/", b"<p>bare"), page(1)])
    chunks = read(path)
    assert len(rows(chunks)) == 1
    [fault] = faults(chunks)
    assert (fault.offset, fault.message) == (
        0,
        "response for http://a.example/ has no HTTP status line",
    )


def test_a_page_over_the_limit_is_a_fault(tmp_path):
    bodies = [b"<" * (1 << 20), b"<" * ((1 << 20) + 1), b"<" * (3 << 20)]
    path = write(tmp_path / "a.warc", [page(n, body) for n, body in enumerate(bodies)])
    chunks = read(path, max_page_mb=1)
    assert [len(row["payload"]) for row in rows(chunks)] == [1 << 20]
    assert [fault.message[:32] for fault in faults(chunks)] == [
        "page http://site.example/1 is la",
        "page http://site.example/2 is la",
    ]


@given(cuts=st.lists(st.integers(1, 2000), max_size=8))
def test_any_split_gives_the_same_rows_in_order(tmp_path_factory, cuts):
    path = write(tmp_path_factory.mktemp("split") / "a.warc.gz", PAGES)
    size = Path(path).stat().st_size
    source = ReadWarc(paths=(path,))
    edges = [0, *sorted({cut for cut in cuts if cut < size}), size]
    units = [
        Unit(index=n, path=path, start=start, stop=stop)
        for n, (start, stop) in enumerate(itertools.pairwise(edges))
    ]
    assert rows([c for unit in units for c in source.read(unit)]) == rows(read(path))


@settings(max_examples=60)
@given(cuts=st.lists(st.integers(1, 2000), max_size=4), flip=st.integers(0, 1_000_000))
def test_damage_loses_one_record_and_is_told_whatever_the_split(tmp_path_factory, cuts, flip):
    path = write(tmp_path_factory.mktemp("flip") / "a.warc.gz", PAGES)
    data = bytearray(Path(path).read_bytes())
    data[flip % len(data)] ^= 0xFF
    Path(path).write_bytes(data)
    edges = [0, *sorted({cut for cut in cuts if cut < len(data)}), len(data)]
    source = ReadWarc(paths=(path,))
    whole = read(path)
    split = [
        chunk
        for n, (start, stop) in enumerate(itertools.pairwise(edges))
        for chunk in source.read(Unit(index=n, path=path, start=start, stop=stop))
    ]
    assert rows(split) == rows(whole)
    assert len(rows(whole)) >= len(PAGES) - 1
    if len(rows(whole)) < len(PAGES):
        assert faults(split)
        assert faults(whole)


@pytest.mark.parametrize("lost", [1, 8, 40, 100])
def test_a_truncated_gz_gives_its_whole_records_then_a_fault(tmp_path, lost):
    path = write(tmp_path / "a.warc.gz", PAGES)
    last = len(gzip.compress(PAGES[-1]))
    data = Path(path).read_bytes()
    Path(path).write_bytes(data[:-lost])
    chunks = read(path)
    assert len(rows(chunks)) == 5
    [fault] = faults(chunks)
    assert fault == Fault(
        path=path, offset=len(data) - last, message="the file ends in the middle of a record"
    )


def test_a_truncated_plain_file_gives_its_whole_records_then_a_fault(tmp_path):
    path = write(tmp_path / "a.warc", PAGES)
    Path(path).write_bytes(Path(path).read_bytes()[:-100])
    chunks = read(path)
    assert len(rows(chunks)) == 5
    [fault] = faults(chunks)
    assert fault.offset == sum(map(len, PAGES[:-1]))


@pytest.mark.parametrize(
    "data", [b"", b"hello world\n" * 100, b"\x1f\x8b\x08" + b"\0" * 99, bytes(range(256)) * 9]
)
def test_a_file_of_garbage_is_a_fault_not_an_error(tmp_path, data):
    path = tmp_path / "a.warc.gz"
    path.write_bytes(data)
    chunks = read(str(path))
    assert len(faults(chunks)) == 1
    assert sum(chunk.rows.num_rows for chunk in chunks) == 0


@pytest.mark.parametrize("name", ["a.warc", "a.warc.gz"])
def test_a_declared_length_of_a_terabyte_is_a_fault(tmp_path, name):
    lie = record("http://a.example/", http(), length=1 << 40)
    chunks = read(write(tmp_path / name, [page(1), lie]))
    assert len(rows(chunks)) == 1
    [fault] = faults(chunks)
    assert "the record says 1099511627776 bytes" in fault.message or "larger" in fault.message


def test_a_lying_length_in_a_gz_costs_only_its_own_record(tmp_path):
    lie = record("http://a.example/", http(), length=1 << 40)
    chunks = read(write(tmp_path / "a.warc.gz", [page(1), lie, page(2)]))
    assert [row["source"]["uri"][-1] for row in rows(chunks)] == ["1", "2"]
    assert len(faults(chunks)) == 1


def test_a_negative_length_is_a_fault(tmp_path):
    path = write(tmp_path / "a.warc.gz", [record("http://a.example/", http(), length=-1), page(1)])
    chunks = read(path)
    assert len(rows(chunks)) == 1
    assert faults(chunks)[0].message == "Content-Length is '-1'"


@pytest.mark.parametrize("size", [1, 2, len(PAGES)], ids=lambda size: f"{size} in a member")
def test_a_gzip_of_several_records_in_a_member_gives_the_rows_of_the_plain_file(tmp_path, size):
    plain = write(tmp_path / "a.warc", PAGES)
    runs = [PAGES[start : start + size] for start in range(0, len(PAGES), size)]
    packed = tmp_path / "a.warc.gz"
    packed.write_bytes(b"".join(gzip.compress(b"".join(run)) for run in runs))
    chunks = read(str(packed))
    assert faults(chunks) == []
    assert [row["payload"] for row in rows(chunks)] == [row["payload"] for row in rows(read(plain))]
    if size > 1:  # offsets count what the file inflates to
        offsets = [row["source"]["offset"] for row in rows(chunks)]
        assert offsets == [row["source"]["offset"] for row in rows(read(plain))]


def test_a_gzip_of_one_member_is_one_unit(tmp_path):
    path = tmp_path / "a.warc.gz"
    noise = [page(number, os.urandom(700_000)) for number in range(4)]
    path.write_bytes(gzip.compress(b"".join(noise)))
    source = ReadWarc(paths=(str(path),), unit_mb=1)
    assert [(unit.start, unit.stop) for unit in source.units()] == [(0, path.stat().st_size)]
    assert sum(chunk.rows.num_rows for unit in source.units() for chunk in source.read(unit)) == 4


def test_a_record_in_a_gzip_of_one_member_is_found_again_by_its_offset(tmp_path):
    path = tmp_path / "a.warc.gz"
    path.write_bytes(gzip.compress(b"".join(PAGES)))
    offset = rows(read(str(path)))[4]["source"]["offset"]
    found = read_record(str(path), offset=offset, max_bytes=1 << 20)
    assert found.uri == "http://site.example/4"
    with pytest.raises(SourceError, match="the file changed"):
        read_record(str(path), offset=offset + 1, max_bytes=1 << 20)


def test_a_gzip_of_one_member_that_is_cut_short_gives_what_is_whole_and_a_fault(tmp_path):
    whole = gzip.compress(b"".join(page(number, os.urandom(9_000)) for number in range(6)))
    path = tmp_path / "a.warc.gz"
    path.write_bytes(whole[: len(whole) // 2])
    chunks = read(str(path))
    assert 1 <= len(rows(chunks)) <= 3
    assert len(faults(chunks)) == 1


def test_a_member_that_inflates_without_end_is_a_fault(tmp_path):
    bomb = page(0, bytes(8 << 20))
    path = write(tmp_path / "a.warc.gz", [bomb, page(1)])
    found = list(read_records(path, max_bytes=1 << 20))
    assert found[0] == Fault(
        path=path, offset=0, message="inflates to more than 100 times its size"
    )
    assert isinstance(found[1], Record)


def test_chunks_hold_at_most_256_rows(tmp_path):
    path = write(tmp_path / "a.warc.gz", [page(number) for number in range(300)])
    assert [chunk.rows.num_rows for chunk in read(path)] == [256, 44]


def test_a_unit_without_pages_still_has_the_payload_column(tmp_path):
    path = write(tmp_path / "a.warc", [record("http://a/1.png", http(type_="image/png"))])
    [chunk] = read(path)
    assert chunk.rows.schema.field("payload").type == pa.large_binary()


def test_units_of_a_gz_are_byte_ranges_and_of_a_plain_file_the_whole(tmp_path):
    big = tmp_path / "a.warc.gz"
    big.write_bytes(b"\x1f\x8b\x08" + bytes((1 << 20) + 5))
    plain = write(tmp_path / "b.warc", PAGES)
    units = ReadWarc(paths=(str(big), plain), unit_mb=1).units()
    assert [(unit.index, unit.start, unit.stop) for unit in units] == [
        (0, 0, 1 << 20),
        (1, 1 << 20, (1 << 20) + 8),
        (2, 0, Path(plain).stat().st_size),
    ]


@pytest.mark.parametrize(("whole", "unit"), [(100, 8), (255, 8), (256, 16), (511, 16), (512, 32)])
@pytest.mark.parametrize("files", [1, 2])
def test_units_are_smaller_where_there_is_less_to_read(tmp_path, whole, unit, files):
    for name in range(files):
        path = tmp_path / f"{name}.warc.gz"
        path.write_bytes(b"\x1f\x8b\x08")
        os.truncate(path, (whole << 20) // files)
    units = ReadWarc(paths=(str(tmp_path),)).units()
    assert units[0].stop == unit << 20
    assert sum(each.stop - each.start for each in units) == (whole << 20) // files * files


def test_the_same_file_through_two_paths_is_refused(tmp_path):
    path = write(tmp_path / "a.warc.gz", PAGES)
    with pytest.raises(SourceError, match="named more than once"):
        ReadWarc(paths=(path, str(tmp_path))).units()


def test_unit_mb_must_be_positive():
    with pytest.raises(ValueError, match="unit_mb must be at least 1 MB, got 0"):
        ReadWarc(paths=("x",), unit_mb=0)


@needs_shared
def test_the_real_blog_has_74_pages_and_593_pictures():
    chunks = read(str(SHARED / "data/web/blog.warc.gz"), unit_mb=4)
    assert len({row["id"] for row in rows(chunks)}) == 74
    assert sum(row["mime"].startswith("image/") for row in assets(chunks)) == 593
    assert faults(chunks) == []


@needs_shared
def test_the_real_news_have_600_pages():
    chunks = read(str(SHARED / "data/web/news.warc.gz"))
    assert len({row["id"] for row in rows(chunks)}) == 600
    assert faults(chunks) == []
