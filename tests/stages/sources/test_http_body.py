"""HTTP responses taken apart, honest and lying ones."""

import gzip
import io
import zlib

import pytest
from fastwarc.stream_io import BrotliWriter, ZstdWriter
from hypothesis import given
from hypothesis import strategies as st

from stages.sources.http_body import parse_response

HTML = b"<p>hello world</p>" * 20


class Kept(io.BytesIO):
    """Keeps its bytes when the writer closes it."""

    def close(self) -> None:
        self.kept = self.getvalue()


def packed(writer_type) -> bytes:
    out = Kept()
    writer = writer_type(out)
    writer.write(HTML)
    writer.close()
    return out.getvalue()


def chunked(body: bytes) -> bytes:
    half = len(body) // 2
    return b"".join(b"%x;a=b\r\n%s\r\n" % (len(c), c) for c in (body[:half], body[half:], b""))


def respond(body: bytes, **headers: str) -> bytes:
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 200 OK\r\n{lines}\r\n".encode() + body


ENCODED = {
    "gzip": gzip.compress(HTML),
    "X-GZIP": gzip.compress(HTML),
    "deflate": zlib.compress(HTML),
    "Deflate": zlib.compress(HTML)[2:-4],
    "br": packed(BrotliWriter),
    "zstd": packed(ZstdWriter),
    "identity": HTML,
    "utf-8": HTML,
}


@pytest.mark.parametrize("coding", ENCODED)
def test_content_encodings_are_undone(coding):
    response = parse_response(respond(ENCODED[coding], Content_Encoding=coding))
    assert response.body(10_000) == HTML


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_a_body_that_is_not_encoded_as_its_header_says_is_returned_as_it_is(coding):
    assert parse_response(respond(HTML, Content_Encoding=coding)).body(10_000) == HTML


def test_chunks_are_joined_and_then_inflated():
    body = chunked(gzip.compress(HTML))
    response = parse_response(respond(body, Transfer_Encoding="chunked", Content_Encoding="gzip"))
    assert response.body(10_000) == HTML


def test_a_body_under_a_false_chunked_header_is_returned_as_it_is():
    assert parse_response(respond(HTML, Transfer_Encoding="chunked")).body(10_000) == HTML


def test_chunks_that_are_cut_short_give_what_is_there():
    body = b"5\r\nhello\r\nff\r\nwor"
    assert parse_response(respond(body, Transfer_Encoding="chunked")).body(99) == b"hellowor"


def test_inflating_stops_just_behind_the_limit():
    bomb = gzip.compress(bytes(10_000_000))
    assert len(parse_response(respond(bomb, Content_Encoding="gzip")).body(1000)) == 1001


@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_status_and_headers_are_read_with_either_line_end(end):
    response = parse_response(end.join(["HTTP/1.0 404", "A:  b ", "bad line", "", "body"]).encode())
    assert (response.status, response.headers, response.raw) == (404, {"a": "b"}, b"body")


def test_a_response_without_headers_has_a_body():
    assert parse_response(b"HTTP/1.1 200 OK\r\n\r\n\r\n\r\nx").raw == b"\r\n\r\nx"


@pytest.mark.parametrize("block", [b"", b"<html>", b"HTTP/1.1 abc\r\n\r\n", b"HTTP/1.1 2000\r\n"])
def test_a_block_without_a_status_line_is_no_response(block):
    assert parse_response(block) is None


@given(
    body=st.binary(max_size=300),
    coding=st.sampled_from([*ENCODED, "gzip, br", ""]),
    transfer=st.sampled_from(["chunked", ""]),
)
def test_no_body_raises(body, coding, transfer):
    block = respond(body, Content_Encoding=coding, Transfer_Encoding=transfer)
    assert isinstance(parse_response(block).body(1000), bytes)
