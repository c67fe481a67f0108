"""Decode pictures of hostile origin under limits: the header is judged before any pixel.

JPEGs go through simplejpeg (1.6 times Pillow's speed on 1024 x 768), whatever it does not take
and every other format through Pillow. Pictures come out as a person sees them: EXIF orientation
applied, transparency on white, CMYK and 16 bits as 8-bit RGB, the first frame of animations.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import simplejpeg
from PIL import Image

from stages import png
from stages.mime import sniff
from stages.pictures import Pixels

OK: Final = "ok"

_FORMATS: Final = {
    "image/jpeg": "JPEG",
    "image/png": "PNG",
    "image/gif": "GIF",
    "image/webp": "WEBP",
    "image/bmp": "BMP",
    "image/tiff": "TIFF",
    "image/avif": "AVIF",
}
_ORIENTATION_TAG: Final = 0x0112
_UPRIGHT: Final[dict[int, Callable[[Pixels], Pixels]]] = {
    2: np.fliplr,
    3: lambda pixels: np.rot90(pixels, 2),
    4: np.flipud,
    5: lambda pixels: np.swapaxes(pixels, 0, 1),
    6: lambda pixels: np.rot90(pixels, -1),
    7: lambda pixels: np.swapaxes(np.rot90(pixels, 2), 0, 1),
    8: np.rot90,
}
_MAX_PASSES: Final = 20  # times over max_pixels that a progressive JPEG may paint
_INT16_MODES: Final = frozenset({"I", "I;16", "I;16B", "I;16L", "I;16N"})


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a picture may be.

    Attributes:
        max_bytes: of the file.
        max_pixels: width times height.
        max_frames: of an animation.
    """

    max_bytes: int = 20_000_000
    max_pixels: int = 100_000_000
    max_frames: int = 1_000


@dataclass(frozen=True, kw_only=True)
class Probe:
    """What a picture's header says.

    Attributes:
        mime: as the bytes show it, "" without bytes.
        width_px: as shown; 0 when unknown.
        height_px: as shown; 0 when unknown.
        frames: 1 for a still picture; 0 when unknown.
        status: "ok", "empty", "too large", "too many pixels", "too many frames", "truncated",
            "unreadable" or "unsupported <mime>".
    """

    mime: str = ""
    width_px: int = 0
    height_px: int = 0
    frames: int = 0
    status: str = OK


class UndecodableError(ValueError):
    """A picture cannot be decoded; the message is its status."""


class _RefusedError(Exception):
    """Carries a status out of the decoder; never leaves this module."""


@dataclass(frozen=True, kw_only=True)
class _Opened:
    """A picture whose header has been read and found within the limits.

    Attributes:
        image: not loaded, as a rule.
        probe: what the header says.
        orientation: as in EXIF.
        stream: what a usual PNG's pixels are squeezed into.
    """

    image: Image.Image
    probe: Probe
    orientation: int
    stream: bytes | None


def probe(data: bytes, limits: Limits) -> Probe:
    """Return what the header says, without decoding pixels; never raises."""
    return _guarded(data, lambda: (_open(data, limits).probe, None))[0]


def decode(data: bytes, limits: Limits) -> tuple[Probe, Pixels | None]:
    """Return what the header says and the pixels, None unless the status is ok; never raises.

    The pixels are uint8[H, W, 3], RGB, read-only.
    """

    def attempt() -> tuple[Probe, Pixels | None]:
        opened = _open(data, limits)
        pixels = np.ascontiguousarray(_upright(_pixels(opened, data), opened.orientation))
        pixels.flags.writeable = False
        return opened.probe, pixels

    found, pixels = _guarded(data, attempt)
    if found.status != OK and found.width_px == 0:
        header = probe(data, limits)  # the header may be whole where the pixels are not
        found = replace(header, status=found.status)
    return found, pixels


def verify(data: bytes, limits: Limits) -> Probe:
    """Return what `decode` says, without the pixels where less is enough to know; never raises.

    A JPEG is decoded at an eighth of its size, for which all of the file is read; of a PNG with
    nothing out of the ordinary the stream is inflated. That takes a quarter of `decode`'s time.
    """
    sure = False

    def attempt() -> tuple[Probe, Pixels | None]:
        nonlocal sure
        opened = _open(data, limits)
        if opened.stream is not None:
            sure = png.is_whole(opened.stream, data, opened.image)
        else:
            sure = _jpeg_grey(opened, data, 1) is not None
        return opened.probe, None

    found, _ = _guarded(data, attempt)
    return found if sure else decode(data, limits)[0]


def decode_rgb(data: bytes, limits: Limits) -> Pixels:
    """Return uint8[H, W, 3], RGB, read-only.

    Raises:
        UndecodableError: whatever the bytes are, nothing else.
    """
    found, pixels = decode(data, limits)
    if pixels is None:
        raise UndecodableError(found.status)
    return pixels


def decode_grey(data: bytes, limits: Limits, min_side_px: int) -> tuple[Probe, Pixels | None]:
    """Return what the header says and uint8[H, W], None unless the status is ok; never raises.

    The picture may come out smaller than it is, its sides `min_side_px` or more unless it has
    smaller ones: a JPEG is then decoded at a fraction of its size, in half the time and less.
    """

    def attempt() -> tuple[Probe, Pixels | None]:
        opened = _open(data, limits)
        grey = _jpeg_grey(opened, data, min_side_px)
        if grey is None:
            grey = np.asarray(Image.fromarray(_pixels(opened, data)).convert("L"))
        return opened.probe, _upright(grey, opened.orientation)

    return _guarded(data, attempt)


def decode_reduced(data: bytes, limits: Limits, min_side_px: int) -> tuple[Probe, Pixels | None]:
    """Return what the header says and uint8[H, W, 3], None unless the status is ok; never raises.

    The picture may come out smaller than it is, its sides `min_side_px` or more unless it has
    smaller ones: a JPEG is decoded at a half, a quarter or an eighth of its size.
    """

    def attempt() -> tuple[Probe, Pixels | None]:
        opened = _open(data, limits)
        pixels = _jpeg_reduced(opened, data, min_side_px)
        if pixels is None:
            pixels = _pixels(opened, data)
        return opened.probe, np.ascontiguousarray(_upright(pixels, opened.orientation))

    return _guarded(data, attempt)


def _guarded(
    data: bytes, attempt: Callable[[], tuple[Probe, Pixels | None]]
) -> tuple[Probe, Pixels | None]:
    mime = sniff(data) if data else ""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of what the limits judge
            return attempt()
    except _RefusedError as refusal:
        found = refusal.args[0]
        return (found if isinstance(found, Probe) else Probe(mime=mime, status=found)), None
    except Image.DecompressionBombError:
        return Probe(mime=mime, status="too many pixels"), None
    except Exception as error:  # hostile bytes make Pillow raise nearly every exception type
        is_cut = "truncated" in str(error).lower() or isinstance(error, EOFError)
        return Probe(mime=mime, status="truncated" if is_cut else "unreadable"), None


def _open(data: bytes, limits: Limits) -> _Opened:
    """Read the header; raises _RefusedError when the picture is outside the limits."""
    if not data:
        raise _RefusedError("empty")
    if len(data) > limits.max_bytes:
        raise _RefusedError("too large")
    mime = sniff(data)
    if mime not in _FORMATS:
        raise _RefusedError(f"unsupported {mime}")
    # Naming the one format keeps Pillow from trying its other parsers on these bytes.
    image = Image.open(io.BytesIO(data), formats=(_FORMATS[mime],))
    width, height = image.size
    is_large = width * height > limits.max_pixels
    stream = png.stream_of(data) if mime == "image/png" else None
    # A large PNG's pixels are left alone, and Pillow turns TIFFs itself.
    leave = mime == "image/tiff" or (mime == "image/png" and is_large)
    orientation = 1 if leave else _orientation(image, stream)
    if orientation >= 5:
        width, height = height, width
    found = Probe(mime=mime, width_px=width, height_px=height)
    if is_large or _painted(data, mime, image) > _MAX_PASSES * limits.max_pixels:
        raise _RefusedError(replace(found, status="too many pixels"))
    found = replace(found, frames=_frames(data, mime, image, limits.max_frames))
    if found.frames > limits.max_frames:
        raise _RefusedError(replace(found, status="too many frames"))
    return _Opened(image=image, probe=found, orientation=orientation, stream=stream)


def _orientation(image: Image.Image, stream: bytes | None) -> int:
    try:
        # Of a PNG Pillow would decode the pixels to look at what is behind them.
        exif = image.getexif() if stream is None else Image.Image.getexif(image)
        value = exif.get(_ORIENTATION_TAG, 1)
    except Exception:  # a damaged EXIF block is no reason to lose the picture
        return 1
    return value if value in _UPRIGHT else 1


def _painted(data: bytes, mime: str, image: Image.Image) -> int:
    """Return width times height times the scans of a JPEG: each scan costs a whole pass."""
    if mime != "image/jpeg":
        return int(image.width * image.height)
    octets = np.frombuffer(data, np.uint8)  # a tenth of the time of bytes.count
    scans = np.count_nonzero((octets[:-1] == 0xFF) & (octets[1:] == 0xDA))
    return int(image.width * image.height * scans)


def _frames(data: bytes, mime: str, image: Image.Image, max_frames: int) -> int:
    if mime == "image/gif":
        return _gif_frames(data, max_frames)
    if mime in ("image/png", "image/webp", "image/avif"):
        return int(getattr(image, "n_frames", 1))
    return 1


def _gif_frames(data: bytes, max_frames: int) -> int:
    """Count the frames of a GIF by its blocks, up to one more than the limit.

    Pillow's `n_frames` takes seconds on a file of a million tiny frames.
    """
    frames, at = 0, 13 + _colour_table(data[10:11])
    while frames <= max_frames and at < len(data):
        kind = data[at]
        if kind == 0x21:  # extension: label, sub-blocks
            at = _skip_blocks(data, at + 2)
        elif kind == 0x2C:  # image: descriptor, colour table, code size, sub-blocks
            frames += 1
            at = _skip_blocks(data, at + 11 + _colour_table(data[at + 9 : at + 10]))
        else:
            break
    return max(frames, 1)


def _colour_table(flags: bytes) -> int:
    """Return the bytes of the table that a GIF flags byte announces."""
    return 3 << ((flags[0] & 7) + 1) if flags and flags[0] & 0x80 else 0


def _skip_blocks(data: bytes, at: int) -> int:
    while at < len(data) and data[at]:
        at += 1 + data[at]
    return at + 1


def _pixels(opened: _Opened, data: bytes) -> Pixels:
    """Return uint8[H, W, 3] as stored, before orientation."""
    image = opened.image
    if opened.probe.mime == "image/jpeg" and image.mode in ("RGB", "L"):
        return _jpeg_pixels(image, data)
    if image.mode in _INT16_MODES:
        grey = np.asarray(image).astype(np.int64) >> 8
        return np.repeat(grey.clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)
    if image.mode == "F":
        raise _RefusedError(replace(opened.probe, status=f"unsupported {opened.probe.mime}"))
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        return _on_white(image)
    return np.asarray(image.convert("RGB"))


def _jpeg_pixels(image: Image.Image, data: bytes) -> Pixels:
    try:
        height, width, *_ = simplejpeg.decode_jpeg_header(data)
        if (width, height) == image.size:  # the size that was found within the limits
            pixels: Pixels = simplejpeg.decode_jpeg(data, colorspace="RGB")
            return pixels
    except ValueError:  # it is strict about slips that Pillow, and browsers, let pass
        pass
    return np.asarray(image.convert("RGB"))


def _jpeg_grey(opened: _Opened, data: bytes, min_side_px: int) -> Pixels | None:
    """Return uint8[H, W] of a JPEG as stored, None of what simplejpeg does not take."""
    width, height = opened.image.size
    least = (min(min_side_px, width), min(min_side_px, height))
    grey = _jpeg_at_least(opened, data, "GRAY", least)
    return None if grey is None else grey[..., 0]


def _jpeg_reduced(opened: _Opened, data: bytes, min_side_px: int) -> Pixels | None:
    """Return uint8[H, W, 3] of a JPEG as stored, None of what simplejpeg does not take.

    The decoder has fast code for a half, a quarter and an eighth of a size alone; three
    eighths take it longer than the whole.
    """
    width, height = opened.image.size
    divisor = next((by for by in (8, 4, 2) if min(width, height) >= by * min_side_px), 1)
    return _jpeg_at_least(opened, data, "RGB", (-(-width // divisor), -(-height // divisor)))


def _jpeg_at_least(
    opened: _Opened, data: bytes, colours: str, least: tuple[int, int]
) -> Pixels | None:
    """Return uint8[H, W, C] of a JPEG at the least of n / 8 of its size with such sides."""
    if opened.probe.mime != "image/jpeg" or opened.image.mode not in ("RGB", "L"):
        return None
    try:
        height, width, *_ = simplejpeg.decode_jpeg_header(data)
        if (width, height) != opened.image.size:
            return None
        pixels: Pixels = simplejpeg.decode_jpeg(
            data, colorspace=colours, min_width=least[0], min_height=least[1]
        )
    except ValueError:
        return None
    return pixels


def _on_white(image: Image.Image) -> Pixels:
    picture = image.convert("RGBA")
    white = Image.new("RGB", picture.size, "white")
    white.paste(picture, mask=picture.getchannel("A"))
    return np.asarray(white)


def _upright(pixels: Pixels, orientation: int) -> Pixels:
    turn = _UPRIGHT.get(orientation)
    return pixels if turn is None else turn(pixels)
