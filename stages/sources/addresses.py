"""Compare the addresses of media: what a page writes and what a crawler stored."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote_to_bytes, urlsplit

_PORT: Final = re.compile(r"(:\d*)+$")


def scheme_of(uri: str) -> str:
    """Return the lower-case scheme, "" where there is none.

    >>> scheme_of("HTTPS://a.example/"), scheme_of("picture.png")
    ('https', '')
    """
    scheme, colon, _ = uri.partition(":")
    named = colon and scheme.isascii() and scheme.replace("+", "").replace(".", "").isalnum()
    return scheme.lower() if named else ""


def address_key(uri: str) -> bytes:
    """Return what two addresses of one medium have in common.

    http and https are one, as are a fragment and none, a default port and none, an empty path
    and "/", letter case of the host, and a character and its percent encoding.

    >>> address_key("http://A.example:80/%7Ex.png#top") == address_key("https://a.example/~x.png")
    True
    """
    if scheme_of(uri) == "data":
        return uri.encode("utf-8", "surrogatepass")
    text = uri.strip().encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    try:
        parts = urlsplit(text)
    except ValueError:  # an unclosed [ in the host
        return text.encode()
    scheme = "http" if parts.scheme == "https" else parts.scheme
    host = parts.netloc.lower().removesuffix(":80" if parts.scheme == "http" else ":443")
    path = unquote_to_bytes(parts.path) or b"/"
    return b"\0".join([scheme.encode(), host.encode(), path, unquote_to_bytes(parts.query)])


def host_of(uri: str) -> str:
    """Return the host of an http or https address, "" for others; equal keys have equal hosts.

    >>> host_of("https://me@B\u00fccher.example.:8080/x"), host_of("data:,x")
    ('xn--bcher-kva.example', '')
    """
    if scheme_of(uri.strip()) not in ("http", "https"):
        return ""
    try:
        netloc = urlsplit(uri.strip()).netloc.lower()
    except ValueError:
        return ""
    host = _PORT.sub("", netloc.rpartition("@")[2]).rstrip(".")
    try:
        return host if host.isascii() else host.encode("idna").decode()
    except UnicodeError:
        return host
