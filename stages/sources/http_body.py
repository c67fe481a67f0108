"""Take an HTTP response apart: status, headers, and the body as the site meant it."""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from fastwarc.stream_io import BrotliReader, ZstdReader

_STATUS_LINE = re.compile(rb"HTTP/\d(?:\.\d)?[ \t]+(\d{3})\b[^\n]*\n?")
_HEAD_END = re.compile(rb"\r?\n\r?\n")


@dataclass(frozen=True, kw_only=True)
class Response:
    """A parsed response.

    Attributes:
        status: HTTP status code.
        headers: values by lower-case name; the last of a repeated header counts.
        raw: the body as it was sent.
    """

    status: int
    headers: dict[str, str]
    raw: bytes

    def body(self, max_bytes: int) -> bytes:
        """Return the body, its transfer and content encodings undone.

        Crawlers often store a decoded body under the headers of the encoded one, so a body
        that is not in the encoding its header names is returned as it is.

        Args:
            max_bytes: decoding stops here; a longer result means that the body is too large
                and is cut somewhere beyond this length.
        """
        body = self.raw
        if "chunked" in self.headers.get("transfer-encoding", "").lower():
            body = _dechunk(body)
        for coding in reversed(self.headers.get("content-encoding", "").lower().split(",")):
            decode = _DECODERS.get(coding.strip())
            if decode is not None:
                body = decode(body, max_bytes + 1)
        return body


def parse_response(block: bytes) -> Response | None:
    """Return the response in the block of a WARC record, or None when it has no status line."""
    status = _STATUS_LINE.match(block)
    if status is None:
        return None
    end = _HEAD_END.search(block, status.end() - 2)
    head = block[status.end() : end.start() if end else len(block)]
    headers = {}
    for line in head.decode("latin-1").splitlines():
        name, colon, value = line.partition(":")
        if colon:
            headers[name.strip().lower()] = value.strip()
    return Response(status=int(status[1]), headers=headers, raw=block[end.end() :] if end else b"")


def _dechunk(body: bytes) -> bytes:
    """Return the chunks joined; up to the cut for a cut body, as it is for an unchunked one."""
    pieces: list[bytes] = []
    at = 0
    while True:
        end = body.find(b"\n", at, at + 1024)
        size = _chunk_size(body[at:end]) if end >= 0 else None
        if size is None:
            return b"".join(pieces) if pieces else body
        if size == 0:
            return b"".join(pieces)
        stop = end + 1 + size
        pieces.append(body[end + 1 : stop])
        at = stop + (2 if body[stop : stop + 1] == b"\r" else 1)


def _chunk_size(line: bytes) -> int | None:
    digits = line.partition(b";")[0].strip()
    return int(digits, 16) if re.fullmatch(rb"[0-9a-fA-F]{1,8}", digits) else None


def _inflate(body: bytes, limit: int) -> bytes:
    for window_bits in (zlib.MAX_WBITS | 32, -zlib.MAX_WBITS):  # gzip or zlib header, then none
        try:
            return zlib.decompressobj(window_bits).decompress(body, limit) or body
        except zlib.error:
            continue
    return body


def _unbrotli(body: bytes, limit: int) -> bytes:
    try:
        return bytes(BrotliReader(io.BytesIO(body)).read(limit)) or body
    except OSError:
        return body


def _unzstd(body: bytes, limit: int) -> bytes:
    try:
        return bytes(ZstdReader(io.BytesIO(body)).read(limit)) or body
    except OSError:
        return body


_DECODERS: dict[str, Callable[[bytes, int], bytes]] = {
    "gzip": _inflate,
    "x-gzip": _inflate,
    "deflate": _inflate,
    "br": _unbrotli,
    "zstd": _unzstd,
}
