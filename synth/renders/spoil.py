"""Spoil a picture: noise, blur, clutter or a watermark over it, and say so in its caption."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from random import Random
from typing import Final

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from synth.renders.drawing import Drawing
from synth.renders.pen import COLOURS, FONT, WHITE

_OWNERS = ("SAMPLE", "PREVIEW", "STOCK PHOTO", "COPYRIGHT", "DO NOT COPY", "PROOF", "© MILL")


def noise(image: Image.Image, rng: Random) -> Image.Image:
    """Add grains of light and dark to every pixel."""
    grains = np.random.default_rng(rng.getrandbits(64))
    pixels = np.asarray(image, np.float32)
    pixels = pixels + grains.normal(0, rng.uniform(35, 70), pixels.shape).astype(np.float32)
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def blur(image: Image.Image, rng: Random) -> Image.Image:
    """Put the picture out of focus."""
    return image.filter(ImageFilter.GaussianBlur(rng.uniform(6, 12)))


def clutter(image: Image.Image, rng: Random) -> Image.Image:
    """Throw coloured scraps and lines over the picture."""
    littered = image.copy()
    draw = ImageDraw.Draw(littered)
    width, height = image.size
    for _ in range(rng.randint(25, 45)):
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        dx, dy = rng.uniform(10, 70), rng.uniform(10, 70)
        fill = rng.choice(list(COLOURS.values()))
        if rng.random() < 0.5:
            draw.rectangle([(x, y), (x + dx, y + dy)], fill=fill)
        else:
            draw.line([(x, y), (x + 3 * dx - 120, y + 3 * dy - 120)], fill=fill, width=6)
    return littered


def watermark(image: Image.Image, rng: Random) -> Image.Image:
    """Print the words of an owner across the picture, half transparent, once or in rows."""
    words, size = rng.choice(_OWNERS), rng.randint(22, 44)
    side = 2 * max(image.size)
    layer = Image.new("L", (side, side), 0)
    draw = ImageDraw.Draw(layer)
    font = ImageFont.truetype(str(FONT), size, layout_engine=ImageFont.Layout.BASIC)
    strength, centre = rng.randint(95, 175), side // 2
    down, across = rng.randint(70, 130), round(font.getlength(words)) + rng.randint(30, 100)
    rows, columns = (range(centre % gap, side, gap) for gap in (down, across))
    if rng.random() < 0.3:
        rows = columns = range(centre, centre + 1)  # once, in the middle
    for x, y in product(columns, rows):
        draw.text((x, y), words, fill=strength, font=font, anchor="mm")
    layer = layer.rotate(rng.choice([0, 20, 30, 45]), resample=Image.Resampling.BILINEAR)
    left, top = (side - image.width) // 2, (side - image.height) // 2
    mask = layer.crop((left, top, left + image.width, top + image.height))
    grey = rng.choice([WHITE, (90, 90, 96)]) if _is_mixed(image) else (90, 90, 96)
    return Image.composite(Image.new("RGB", image.size, grey), image, mask)


def _is_mixed(image: Image.Image) -> bool:
    """Tell whether a white watermark would be seen."""
    return bool(np.asarray(image.convert("L")).mean() < 200)


SPOILERS: Final[dict[str, tuple[Callable[[Image.Image, Random], Image.Image], str]]] = {
    "noise": (noise, "in heavy noise"),
    "blur": (blur, "blurred and out of focus"),
    "clutter": (clutter, "under a clutter of scraps"),
    "watermark": (watermark, "with a watermark across it"),
}
"""Ways to spoil a picture, and what they add to its caption."""


def spoil(drawing: Drawing, how: str, rng: Random) -> Drawing:
    """Return the picture spoilt; its questions and regions may hold no longer and are left out."""
    change, words = SPOILERS[how]
    image = change(drawing.image, rng)
    return Drawing(image, f"{drawing.caption}, {words}", facts=(f"A picture {words}.",))
