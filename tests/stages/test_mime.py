"""Types by first bytes."""

import io
from pathlib import Path

import pytest
from PIL import Image

from stages.mime import sniff
from tests.shared_data import SHARED, needs_shared


@pytest.mark.parametrize("format_", ["jpeg", "png", "gif", "webp", "bmp", "tiff", "avif"])
def test_pictures_are_known_by_what_pillow_writes(format_):
    out = io.BytesIO()
    Image.new("RGB", (9, 9)).save(out, format_)
    assert sniff(out.getvalue()) == f"image/{format_}"


@pytest.mark.parametrize(
    ("data", "mime"),
    [
        (b"", "text/plain"),
        (b"\xef\xbb\xbf\n <!-- x --><HTML lang=en>", "text/html"),
        (b'<?xml version="1.0"?>\n<!-- x --><svg width="1">', "image/svg+xml"),
        (b"<?xml version='1.0'?><rss>", "application/xml"),
        ("grüße".encode(), "text/plain"),
        (b"\0\0\0\x20ftypisom", "video/mp4"),
        (b"RIFF\0\0\0\0AVI LIST", "video/x-msvideo"),
        (b"RIFF\0\0\0\0WAVEfmt ", "application/octet-stream"),
        (b"%PDF-1.7", "application/pdf"),
        (b"\0\1\2\3", "application/octet-stream"),
    ],
)
def test_other_bytes_are_named_by_what_they_show(data, mime):
    assert sniff(data) == mime


@needs_shared
def test_real_videos_are_videos():
    files = sorted(Path(SHARED / "data/video").glob("*.mp4"))
    assert files
    assert {sniff(file.read_bytes()[:1024]) for file in files} == {"video/mp4"}
