"""Decoding of pictures, sound, odd and hostile."""

import io
import re
import struct
import zlib

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from stages.decode import Limits, UndecodableError, decode, decode_rgb, probe
from tests.shared_data import SHARED, needs_shared

LIMITS = Limits()


def picture(width=24, height=16, mode="RGB") -> Image.Image:
    """A picture without symmetry, its left upper quarter red on a slope of blue."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[..., 2] = np.linspace(0, 255, width).astype(np.uint8)
    pixels[: height // 2, : width // 2] = (255, 0, 0)
    return Image.fromarray(pixels).convert(mode)


def encoded(image: Image.Image, format_: str, **options) -> bytes:
    out = io.BytesIO()
    image.save(out, format_, **options)
    return out.getvalue()


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_of_size(width: int, height: int) -> bytes:
    """A PNG whose pixels, one colour, are far larger than the file."""
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    squeezed = zlib.compress(bytes(1 << 20))
    parts = [chunk(b"IHDR", header), chunk(b"IDAT", squeezed), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


SOUND = {
    "image/jpeg": encoded(picture(), "JPEG", quality=95, subsampling=0),
    "image/png": encoded(picture(), "PNG"),
    "image/gif": encoded(picture(), "GIF"),
    "image/webp": encoded(picture(), "WEBP", lossless=True),
    "image/bmp": encoded(picture(), "BMP"),
    "image/tiff": encoded(picture(), "TIFF"),
    "image/avif": encoded(picture(), "AVIF", quality=95),
}


@pytest.mark.parametrize("mime", SOUND)
def test_every_format_gives_its_pixels(mime):
    found, pixels = decode(SOUND[mime], LIMITS)
    assert (found.mime, found.width_px, found.height_px) == (mime, 24, 16)
    assert (found.frames, found.status) == (1, "ok")
    assert pixels.dtype == np.uint8
    assert np.abs(pixels.astype(int) - np.asarray(picture())).mean() < 6
    assert tuple(pixels[2, 2] > 128) == (True, False, False)


@pytest.mark.parametrize("mime", SOUND)
def test_the_header_alone_says_the_same_as_decoding(mime):
    assert probe(SOUND[mime], LIMITS) == decode(SOUND[mime], LIMITS)[0]


def test_pixels_are_read_only_because_they_are_shared():
    with pytest.raises(ValueError, match="read-only"):
        decode_rgb(SOUND["image/jpeg"], LIMITS)[0, 0] = 0


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_orientation_is_applied_as_pillow_applies_it(format_, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if format_ == "WEBP" else {}
    data = encoded(picture(), format_, exif=exif, **options)
    found, pixels = decode(data, LIMITS)
    reference = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))))
    assert (found.height_px, found.width_px) == reference.shape[:2] == pixels.shape[:2]
    assert np.abs(pixels.astype(int) - reference).max() <= 3


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_grey_and_cmyk_jpegs_become_rgb(mode):
    pixels = decode_rgb(encoded(picture(mode=mode), "JPEG", quality=95), LIMITS)
    reference = np.asarray(picture(mode=mode).convert("RGB"))
    assert np.abs(pixels.astype(int) - reference).mean() < 6


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_lies_on_white(mode):
    image = Image.new(mode, (4, 4), (0,) * len(mode))
    assert (decode_rgb(encoded(image, "PNG"), LIMITS) == 255).all()


def test_a_transparent_palette_colour_lies_on_white():
    image = Image.new("P", (4, 4), 0)
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.putpixel((0, 0), 1)
    pixels = decode_rgb(encoded(image, "PNG", transparency=0), LIMITS)
    assert tuple(pixels[0, 0]) == (40, 50, 60)
    assert tuple(pixels[3, 3]) == (255, 255, 255)


def test_sixteen_bit_grey_keeps_its_high_byte():
    image = Image.fromarray(np.array([[0, 0x80FF, 0xFFFF]], np.uint16))
    assert decode_rgb(encoded(image, "PNG"), LIMITS)[0, :, 0].tolist() == [0, 0x80, 0xFF]


@pytest.mark.parametrize("format_", ["GIF", "WEBP", "PNG"])
def test_an_animation_shows_its_first_frame_and_counts_them(format_):
    frames = [Image.new("RGB", (8, 8), (colour, 0, 0)) for colour in (255, 128, 0)]
    data = encoded(frames[0], format_, save_all=True, append_images=frames[1:])
    found, pixels = decode(data, LIMITS)
    assert found.frames == 3
    assert pixels[0, 0, 0] > 240
    assert decode(data, Limits(max_frames=3))[0].status == "ok"
    assert decode(data, Limits(max_frames=2))[0].status == "too many frames"


def test_a_gif_of_a_million_frames_is_refused_before_they_are_all_counted():
    data = encoded(picture(8, 8), "GIF")
    start = 13 + (3 << ((data[10] & 7) + 1))
    frame = data[start:-1]
    found = probe(data[:start] + frame * 50_000, Limits(max_frames=10))
    assert (found.status, found.frames) == ("too many frames", 11)


def test_pixels_are_counted_before_any_is_decoded():
    image = encoded(picture(10, 10), "PNG")
    assert probe(image, Limits(max_pixels=100)).status == "ok"
    refused = probe(image, Limits(max_pixels=99))
    assert (refused.status, refused.width_px, refused.height_px) == ("too many pixels", 10, 10)


@pytest.mark.parametrize("side", [11_000, 30_000, 2**31 - 1])
def test_an_image_bomb_is_refused(side):
    found, pixels = decode(png_of_size(side, 30_000), LIMITS)
    assert found.status == "too many pixels"
    assert pixels is None


def test_a_jpeg_that_paints_itself_over_and_over_is_refused():
    data = encoded(picture(), "JPEG", progressive=True)
    scan = data.index(b"\xff\xda")
    repeated = data[:-2] + data[scan:-2] * 300
    assert probe(repeated, Limits(max_pixels=24 * 16)).status == "too many pixels"


def test_bytes_at_the_limit_pass_and_one_more_is_too_large():
    data = SOUND["image/png"]
    assert probe(data, Limits(max_bytes=len(data))).status == "ok"
    assert probe(data, Limits(max_bytes=len(data) - 1)).status == "too large"


@pytest.mark.parametrize(
    ("mime", "lost"), [("image/jpeg", 9), ("image/png", 30), ("image/gif", 99), ("image/bmp", 1)]
)
def test_a_cut_file_is_truncated_and_keeps_its_size(mime, lost):
    found, pixels = decode(SOUND[mime][:-lost], LIMITS)
    assert (found.status, pixels) == ("truncated", None)
    assert (found.width_px, found.height_px) == (24, 16)


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"", "empty"),
        (b"<!DOCTYPE html><p>not found", "unsupported text/html"),
        (b'<?xml version="1.0"?><svg xmlns="x">', "unsupported image/svg+xml"),
        (b"\0\0\1\0\1\0", "unsupported image/x-icon"),
        (b"%!PS-Adobe-3.0 EPSF-3.0", "unsupported application/postscript"),
        (bytes(100), "unsupported application/octet-stream"),
        (b"GIF89a\xff", "unreadable"),
    ],
)
def test_what_is_no_picture_says_what_it_is(data, status):
    found, pixels = decode(data, LIMITS)
    assert (found.status, pixels) == (status, None)
    with pytest.raises(UndecodableError, match=re.escape(status)):
        decode_rgb(data, LIMITS)


@settings(max_examples=300, deadline=None)
@given(
    mime=st.sampled_from(sorted(SOUND)),
    flips=st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 255)), max_size=12),
    cut=st.integers(0, 1 << 12),
)
def test_no_damage_to_a_real_file_raises(mime, flips, cut):
    data = bytearray(SOUND[mime])
    for at, value in flips:
        data[at % len(data)] = value
    found, pixels = decode(bytes(data[: len(data) - cut % len(data)]), Limits(max_pixels=10**6))
    assert (found.status == "ok") == (pixels is not None)
    if pixels is not None:
        assert pixels.shape == (found.height_px, found.width_px, 3)


@given(data=st.binary(max_size=200))
@example(b"BM" + bytes(60))
@example(b"RIFF\0\0\0\0WEBPVP8X")
def test_no_bytes_raise(data):
    assert isinstance(probe(data, LIMITS).status, str)
    assert decode(data, LIMITS)[1] is None or len(data) > 20


@needs_shared
def test_real_photos_decode_as_pillow_decodes_them():
    files = sorted((SHARED / "data/photos").glob("*.jp*g"))[:4]
    assert files
    for file in files:
        pixels = decode_rgb(file.read_bytes(), LIMITS)
        reference = np.asarray(ImageOps.exif_transpose(Image.open(file)).convert("RGB"))
        assert pixels.shape == reference.shape
        assert np.abs(pixels.astype(int) - reference).mean() < 1.5
