"""Get the bytes of one medium: from the crawl, from a file beside its page, from a data: URI.

Every function returns a `Fetched` and raises nothing: trouble is its status.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit
from urllib.request import url2pathname

from stages.errors import SourceError
from stages.mime import sniff
from stages.sources.warc import read_record

OK = "ok"
NOT_IN_CRAWL = "not in crawl"
_HEAD_BYTES = 64 << 10  # room for an HTTP header beside the body


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """The bytes of a medium, or why there are none.

    Attributes:
        status: "ok" or the trouble.
        data: empty unless the status is ok.
        mime: as the bytes show it, "" without bytes.
    """

    status: str
    data: bytes = b""
    mime: str = ""


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """Which bytes are taken: kind is "image" or "video", lengths in bytes."""

    min_bytes: int
    max_bytes: int

    def check(self, data: bytes, kind: str) -> Fetched:
        """Return the bytes as fetched if they are of the kind and within the bounds."""
        if not data:
            return Fetched(status="empty")
        if len(data) > self.max_bytes:
            return Fetched(status="too large")
        mime = sniff(data)
        if not mime.startswith(f"{kind}/"):
            article = "an" if kind == "image" else "a"
            return Fetched(status=f"not {article} {kind} ({mime})", mime=mime)
        if len(data) < self.min_bytes:
            return Fetched(status="too small", mime=mime)
        return Fetched(status=OK, data=data, mime=mime)


def from_crawl(uri: str, assets: Sequence[Mapping[str, Any]], kind: str, bounds: Bounds) -> Fetched:
    """Return a medium that the crawl holds.

    Args:
        uri: the address as the page has it.
        assets: entries (uri, path, offset, status) whose address means the same; one that the
            crawler got is preferred, then the very same address, then the first in the crawl.
        kind: image or video.
        bounds: which bytes are taken.
    """
    if not assets:
        return Fetched(status=NOT_IN_CRAWL)
    best = min(assets, key=lambda a: (a["status"] != OK, a["uri"] != uri, a["path"], a["offset"]))
    if best["status"] != OK:
        return Fetched(status=best["status"])
    try:
        record = read_record(
            best["path"], offset=best["offset"], max_bytes=bounds.max_bytes + _HEAD_BYTES
        )
    except SourceError:
        return Fetched(status="unreadable")
    response = record.response()
    if response is None:
        return Fetched(status="unreadable")
    if record.is_cut:
        return Fetched(status="too large")
    return bounds.check(response.body(bounds.max_bytes), kind)


def from_file(uri: str, folder: str, kind: str, bounds: Bounds) -> Fetched:
    """Return a medium that lies in the folder of its page's source.

    Args:
        uri: file: URI.
        folder: where the pages were read from; "" when the page is no local file.
        kind: image or video.
        bounds: which bytes are taken.
    """
    if not folder or not os.path.isdir(folder):
        return Fetched(status="refused: a file address in a page that is no file")
    try:
        parts = urlsplit(uri)
        path = os.path.realpath(url2pathname(parts.path))
        inside = Path(path).is_relative_to(os.path.realpath(folder))
        if parts.netloc not in ("", "localhost") or not inside:
            return Fetched(status="refused: outside the folder of the pages")
        if not stat.S_ISREG(os.stat(path).st_mode):  # a pipe would block for ever
            return Fetched(status="refused: not a regular file")
        with open(path, "rb") as file:
            data = file.read(bounds.max_bytes + 1)
    except FileNotFoundError:
        return Fetched(status="no such file")
    except (OSError, ValueError):
        return Fetched(status="unreadable")
    return bounds.check(data, kind)


def from_data(uri: str, kind: str, bounds: Bounds) -> Fetched:
    """Return the medium that a data: URI (RFC 2397) holds, in base64 or percent encoding."""
    if len(uri) > 4 * bounds.max_bytes:  # percent encoding takes three characters for a byte
        return Fetched(status="too large")
    header, comma, body = uri.partition(",")
    if not comma:
        return Fetched(status="unreadable")
    data = unquote_to_bytes(body.encode("utf-8", "replace"))
    if header.rstrip().lower().endswith(";base64"):
        data = re.sub(rb"[\s=]+", b"", data)
        try:
            data = base64.b64decode(data + b"=" * (-len(data) % 4), altchars=None, validate=True)
        except binascii.Error:
            return Fetched(status="unreadable")
    return bounds.check(data, kind)
