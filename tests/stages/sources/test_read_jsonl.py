"""ReadJsonl."""

import gzip
import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.record import document, media_part, text_part
from stages.sources.read_jsonl import ReadJsonl
from stages.stage import Unit


def read(path, **options):
    source = ReadJsonl(paths=(str(path),), **options)
    return [chunk for unit in source.units() for chunk in source.read(unit)]


def rows(chunks):
    return [row for chunk in chunks for row in chunk.rows.to_pylist()]


def faults(chunks):
    return [(fault.offset, fault.message) for chunk in chunks for fault in chunk.faults]


def write(tmp_path, *lines, name="a.jsonl"):
    data = b"".join(
        (line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n" for line in lines
    )
    path = tmp_path / name
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return path


def test_a_text_becomes_a_document_of_one_part(tmp_path):
    path = write(tmp_path, {"text": "hello", "url": "http://a/", "id": "7", "n": 3, "no": None})
    [row] = rows(read(path))
    assert row["kind"] == "text"
    assert row["messages"][0]["role"] == "document"
    assert [part["text"] for part in row["messages"][0]["parts"]] == ["hello"]
    assert row["source"]["uri"] == "http://a/"
    assert row["source"]["offset"] == 0
    assert dict(row["meta"]) == {"id": "7", "n": "3"}


def test_another_column_can_hold_the_text(tmp_path):
    [row] = rows(read(write(tmp_path, {"content": "hello"}), text_column="content"))
    assert row["messages"][0]["parts"][0]["text"] == "hello"


def test_a_record_keeps_its_columns_and_scores(tmp_path):
    record = {
        "id": "0" * 32,
        "kind": "interleaved",
        "messages": document([text_part("a"), media_part(0)]),
        "media": [{"type": "image", "uri": "http://a/1.png"}],
        "meta": {"title": "t"},
        "score.x": 0.5,
        "stray": [1],
    }
    [row] = rows(read(write(tmp_path, record)))
    assert row["id"] == "0" * 32
    assert row["media"][0]["uri"] == "http://a/1.png"
    assert row["score.x"] == 0.5
    assert row["meta"] == [("title", "t"), ("stray", "[1]")]


def test_scores_are_json_objects(tmp_path):
    part = text_part("a") | {"scores": {"f.x": 0.5}}
    [row] = rows(read(write(tmp_path, {"kind": "text", "messages": document([part])})))
    assert row["messages"][0]["parts"][0]["scores"] == [("f.x", 0.5)]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"{", "line 2: not JSON: "),
        (b"[" * 100_000, "line 2: not JSON: "),
        (b"\xff\xfe", "line 2: not JSON: "),
        (b"[1]", "line 2: a JSON object is needed, not a list"),
        (b'{"txt": "x"}', "line 2: has neither 'messages' nor 'text'; it has ['txt']"),
        (b'{"text": 3}', "line 2: 'text' is 3, it must be a text"),
        (b'{"text": " "}', "line 2: 'text' is ' ', it must be a text"),
        (b'{"kind": "x", "messages": []}', "line 2: kind is 'x', it must be one of ['agent'"),
        (b'{"text": "\\ud800"}', "line 2: "),
        (b'{"kind": "text", "messages": "x"}', "line 2: does not follow the record: "),
        (b'{"kind": "text", "messages": [], "meta": 3}', "line 2: "),
    ],
)
def test_a_bad_line_is_a_fault_with_its_number_and_the_others_are_read(tmp_path, line, message):
    path = write(tmp_path, {"text": "first"}, line, b"", {"text": "last"})
    chunks = read(path)
    assert len(rows(chunks)) == 2
    [(offset, told)] = faults(chunks)
    assert offset == len(b'{"text": "first"}\n')
    assert told.startswith(message)


def test_line_numbers_count_from_the_start_of_the_file_in_every_unit(tmp_path):
    path = write(tmp_path, *[{"text": "x" * 70}] * 20_000, b"bad", {"text": "end"})
    units = ReadJsonl(paths=(str(path),), unit_mb=1).units()
    assert len(units) == 2
    [(_, told)] = faults(read(path, unit_mb=1))
    assert told.startswith("line 20001: ")


@given(
    texts=st.lists(st.text(st.characters(codec="utf-8"), max_size=9), max_size=20),
    cuts=st.lists(st.integers(1, 400), max_size=6),
)
def test_any_split_gives_the_same_rows_and_faults(tmp_path_factory, texts, cuts):
    path = write(tmp_path_factory.mktemp("split"), *[{"text": text} for text in texts])
    source = ReadJsonl(paths=(str(path),))
    size = path.stat().st_size
    edges = [0, *sorted({cut for cut in cuts if cut < size}), size]
    split = [
        chunk
        for index, (start, stop) in enumerate(pairwise(edges))
        for chunk in source.read(Unit(index=index, path=str(path), start=start, stop=stop))
    ]
    assert rows(split) == rows(read(path))
    assert faults(split) == faults(read(path))


def test_a_gz_is_one_unit_and_a_truncated_one_gives_its_whole_lines(tmp_path):
    path = write(tmp_path, *[{"text": f"line {n}"} for n in range(2000)], name="a.jsonl.gz")
    assert len(rows(read(path))) == 2000
    Path(path).write_bytes(path.read_bytes()[:-2000])
    chunks = read(path)
    assert 0 < len(rows(chunks)) < 2000
    assert "the file is damaged here" in faults(chunks)[0][1]


def test_a_line_over_the_limit_is_a_fault(tmp_path):
    path = write(tmp_path, {"text": "x" * (3 << 20)}, {"text": "short"})
    chunks = read(path, max_line_mb=1)
    assert len(rows(chunks)) == 1
    assert faults(chunks) == [(0, "line 1: longer than 1 MB")]


def test_a_byte_order_mark_is_passed_over(tmp_path):
    assert len(rows(read(write(tmp_path, b'\xef\xbb\xbf{"text": "x"}')))) == 1
