"""Input on object storage: the rows of local files, in few requests."""

from __future__ import annotations

import gzip
import os

import pytest

from stages.sources.read_html import ReadHtml
from stages.sources.read_jsonl import ReadJsonl
from stages.sources.read_warc import ReadWarc
from stages.stage import Source
from tests.object_storage import BUCKET, counted, s3_server


@pytest.fixture(scope="module")
def server():
    with s3_server() as server:
        yield server


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
def test_json_lines_are_read_from_object_storage(server, name):
    lines = b"".join(b'{"text": "mill %d"}\n' % number for number in range(1000))
    path = server.put(f"lines/{name}", gzip.compress(lines) if name.endswith("gz") else lines)
    assert len(rows_of(ReadJsonl(paths=(path,)))) == 1000


def test_pages_are_read_from_object_storage(server):
    for name in ("a", "b"):
        server.put(f"pages/x/{name}.html", f"<p>{name}".encode())
    rows = rows_of(ReadHtml(paths=(f"s3://{BUCKET}/pages",)))
    assert [row["payload"] for row in rows] == [b"<p>a", b"<p>b"]
    assert rows[0]["source"]["uri"] == f"s3://{BUCKET}/pages/x/a.html"


def rows_of(source: Source) -> list[dict[str, object]]:
    chunks = [chunk for unit in source.units() for chunk in source.read(unit)]
    return [row for chunk in chunks for row in chunk.rows.to_pylist()]


def test_a_unit_in_the_middle_of_a_large_warc_costs_few_requests(server, tmp_path):
    pages = [
        f"WARC/1.1\r\nWARC-Type: resource\r\nWARC-Target-URI: http://a.example/{number}\r\n"
        f"Content-Type: text/html\r\nContent-Length: 60000\r\n\r\n".encode()
        + os.urandom(60_000)
        + b"\r\n\r\n"
        for number in range(60)
    ]
    path = server.put("large/a.warc.gz", b"".join(map(gzip.compress, pages)))
    source = ReadWarc(paths=(path,), unit_mb=1)
    units = source.units()
    assert len(units) == 4
    with counted() as requests:
        uris = [
            row["source"]["uri"]
            for chunk in source.read(units[2])
            for row in chunk.rows.to_pylist()
        ]
    assert 15 <= len(uris) <= 20
    assert len(requests.lines) <= 2
    assert len(rows_of(source)) == 60
