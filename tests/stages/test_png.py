"""PNGs told to be whole, and everything else left to the decoder."""

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from stages import decode as decoding
from stages.decode import Limits, decode, verify
from stages.png import is_whole, stream_of

LIMITS = Limits()
MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
PASSES = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2)]


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(
    rows: bytes, size=(5, 3), *, depth=8, colour=2, interlaced=0, before=(), behind=()
) -> bytes:
    header = struct.pack(">IIBBBBB", *size, depth, colour, 0, 0, interlaced)
    squeezed = zlib.compress(rows)
    middle = len(squeezed) // 2
    chunks = [
        chunk(b"IHDR", header),
        *before,
        chunk(b"IDAT", squeezed[:middle]),
        chunk(b"IDAT", squeezed[middle:]),
        *behind,
        chunk(b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def told(data: bytes) -> bool:
    stream = stream_of(data)
    return stream is not None and is_whole(stream, data, Image.open(io.BytesIO(data)))


def encoded(image: Image.Image, format_: str = "PNG", **options) -> bytes:
    out = io.BytesIO()
    image.save(out, format_, **options)
    return out.getvalue()


def slope(mode: str) -> Image.Image:
    pixels = np.add.outer(np.arange(16), np.arange(24) * 9).astype(np.uint8)
    return Image.fromarray(pixels).convert(mode)


ROWS = (b"\x01" + bytes(15)) * 3
EXIF = Image.Exif()
EXIF[0x0112] = 6


@pytest.mark.parametrize("mode", MODES)
def test_a_sound_file_is_whole_without_its_pixels(mode, monkeypatch):
    data = encoded(slope(mode))
    wanted = decode(data, LIMITS)[0]
    monkeypatch.setattr(decoding, "_pixels", None)
    assert verify(data, LIMITS) == wanted
    assert wanted.status == "ok"


@pytest.mark.parametrize(("colour", "depth"), [(0, 1), (0, 16), (2, 8), (2, 16), (4, 8), (6, 16)])
@pytest.mark.parametrize("size", [(1, 1), (4, 3), (5, 9), (17, 1)])
def test_passes_are_counted_as_the_decoder_counts_them(colour, depth, size):
    bits = CHANNELS[colour] * depth
    rows = b""
    for x, y, dx, dy in [*PASSES, (0, 1, 1, 2)]:
        columns, lines = -(-(size[0] - x) // dx), -(-(size[1] - y) // dy)
        if columns > 0 and lines > 0:
            rows += bytes(1 + -(-columns * bits // 8)) * lines
    options = {"size": size, "colour": colour, "depth": depth, "interlaced": 1}
    assert decode(png(rows, **options), LIMITS)[0].status == "ok"
    assert told(png(rows, **options))
    assert not told(png(rows[:-1], **options))


@pytest.mark.parametrize(
    ("rows", "whole"),
    [
        (ROWS, True),
        (ROWS[:-1], False),
        (ROWS + b"\0", False),
        (ROWS[:32] + b"\x04" + bytes(15), True),
        (ROWS[:32] + b"\x05" + bytes(15), False),
    ],
)
def test_every_row_is_there_with_a_known_filter_and_nothing_more(rows, whole):
    assert told(png(rows)) is whole


@pytest.mark.parametrize(
    ("name", "content", "usual"),
    [
        (b"tIME", bytes(7), True),
        (b"tEXt", b"Software\0Quern", True),
        (b"tEXt", b"date:create\0now", True),
        (b"tEXt", b"exif\0II", False),
        (b"tEXt", b"Raw profile type exif\0", False),
        (b"iTXt", b"Comment\0\0\0\0\0", False),
        (b"eXIf", EXIF.tobytes(), False),
        (b"fcTL", bytes(26), False),
        (b"IDAT", b"", True),
    ],
)
def test_chunks_behind_the_pixels_that_may_change_them_are_for_the_decoder(name, content, usual):
    assert (stream_of(png(ROWS, behind=[chunk(name, content)])) is not None) is usual


def test_pixels_that_go_on_behind_another_chunk_are_for_the_decoder():
    data = png(ROWS, behind=[chunk(b"tIME", bytes(7)), chunk(b"IDAT", b"")])
    assert stream_of(data) is None


@pytest.mark.parametrize("behind", [False, True])
def test_a_picture_is_turned_wherever_its_orientation_stands(behind):
    turned = chunk(b"eXIf", EXIF.tobytes())
    data = png(ROWS, **{"behind" if behind else "before": [turned]})
    assert verify(data, LIMITS) == decode(data, LIMITS)[0]
    assert (verify(data, LIMITS).width_px, verify(data, LIMITS).height_px) == (3, 5)


def test_a_palette_picture_without_a_palette_is_for_the_decoder():
    rows = bytes(6) * 3
    assert not told(png(rows, colour=3))
    assert told(png(rows, colour=3, before=[chunk(b"PLTE", bytes(6))]))


def test_an_animation_is_for_the_decoder():
    frames = [Image.new("RGB", (8, 8), (shade, 0, 0)) for shade in (0, 200)]
    assert not told(encoded(frames[0], save_all=True, append_images=frames[1:]))


def test_a_file_without_an_end_is_for_the_decoder():
    assert stream_of(png(ROWS)[:-12]) is None
    assert stream_of(png(ROWS)[:-1]) is None


SOUND = [
    *(encoded(slope(mode)) for mode in MODES),
    png(ROWS),
    encoded(slope("RGB"), "JPEG"),
    encoded(slope("L"), "JPEG", progressive=True),
    encoded(slope("CMYK"), "JPEG"),
    encoded(slope("RGB"), "WEBP"),
]


@settings(max_examples=400, deadline=None)
@given(
    data=st.sampled_from(SOUND),
    flips=st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 255)), max_size=4),
    cut=st.integers(0, 40),
)
def test_of_any_damaged_file_the_same_is_said_as_by_decoding_it(data, flips, cut):
    damaged = bytearray(data)
    for at, value in flips:
        damaged[at % len(damaged)] = value
    damaged = bytes(damaged[: len(damaged) - cut])
    assert verify(damaged, LIMITS) == decode(damaged, LIMITS)[0]
