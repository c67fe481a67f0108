"""Tell a medium's type from its first bytes; what a server says is never trusted."""

from __future__ import annotations

import re
from typing import Final

SNIFF_BYTES: Final = 1024

_MAGIC: Final = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"BM", "image/bmp"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"\0\0\1\0", "image/x-icon"),
    (b"8BPS", "image/vnd.adobe.photoshop"),
    (b"\0\0\0\x0cjP  ", "image/jp2"),
    (b"\xff\x0a", "image/jxl"),
    (b"\x1a\x45\xdf\xa3", "video/webm"),
    (b"%PDF-", "application/pdf"),
    (b"%!PS", "application/postscript"),
)
_BRANDS: Final = {
    b"avif": "image/avif",
    b"avis": "image/avif",
    b"heic": "image/heic",
    b"heix": "image/heic",
    b"mif1": "image/heif",
    b"qt  ": "video/quicktime",
}
_MARKUP: Final = (
    (re.compile(rb"<svg[\s>]", re.I), "image/svg+xml"),
    (re.compile(rb"<(!doctype html|html|head|body|title|script|div|p)[\s>]", re.I), "text/html"),
    (re.compile(rb"<\?xml\s"), "application/xml"),
)
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


def sniff(data: bytes) -> str:
    """Return the MIME type that the first kilobyte shows.

    >>> sniff(b"GIF89a..."), sniff(b"<!DOCTYPE html><p>404"), sniff(b"Not Found")
    ('image/gif', 'text/html', 'text/plain')
    """
    head = data[:SNIFF_BYTES]
    for magic, mime in _MAGIC:
        if head.startswith(magic):
            return mime
    if head[:4] == b"RIFF":
        return {b"WEBP": "image/webp", b"AVI ": "video/x-msvideo"}.get(
            head[8:12], "application/octet-stream"
        )
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], "video/mp4")
    return _sniff_text(head)


def _sniff_text(head: bytes) -> str:
    if _CONTROL.search(head):
        return "application/octet-stream"
    for pattern, mime in _MARKUP:
        if pattern.search(head):
            return mime
    return "text/plain"
