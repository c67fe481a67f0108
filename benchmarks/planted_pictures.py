"""Pictures with copies planted among them: what a copy goes through, and embeddings to try."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np
from PIL import Image, ImageDraw, ImageOps

from stages.elements import Floats
from stages.engines.clip import Clip
from synth.renders.catalogue import draw

ENDINGS = (".jpg", ".jpeg", ".png", ".webp")
STAND_IN = "pixels"
"""Names the stand-in for an embedding: 16 x 16 pixels, the mean taken off, projected at random."""
Change = Callable[[Image.Image], bytes]


def jpeg(image: Image.Image, quality: int = 85) -> bytes:
    data = io.BytesIO()
    image.convert("RGB").save(data, "JPEG", quality=quality)
    return data.getvalue()


def scaled(image: Image.Image, x: float, y: float) -> Image.Image:
    size = max(1, round(image.width * x)), max(1, round(image.height * y))
    return image.resize(size, Image.Resampling.LANCZOS)


def cut(image: Image.Image, share: float) -> Image.Image:
    x, y = round(image.width * share), round(image.height * share)
    return image.crop((x, y, image.width - x, image.height - y))


def marked(image: Image.Image) -> Image.Image:
    """Return the picture with an address in its lower right corner."""
    copy = image.convert("RGB").copy()
    size = max(12, copy.height // 20)
    place = (copy.width * 0.55, copy.height * 0.88)
    words = "© photos.example"
    ImageDraw.Draw(copy).text(place, words, "white", font_size=size, stroke_width=1)
    return copy


def framed(image: Image.Image) -> Image.Image:
    """Return the picture as a screen shows it: on a page, among grey lines of text."""
    page = Image.new("RGB", (round(image.width * 1.5), round(image.height * 1.5)), "white")
    page.paste(image, (image.width // 4, image.height // 4))
    pen = ImageDraw.Draw(page)
    for line in range(20, page.height, 28):
        if line < image.height // 4 - 10 or line > image.height * 5 // 4 + 10:
            pen.line((image.width // 4, line, image.width * 5 // 4, line), "grey", 6)
    return page


CHANGES: dict[str, Change] = {
    "half the size": lambda image: jpeg(scaled(image, 0.5, 0.5)),
    "a quarter of the size": lambda image: jpeg(scaled(image, 0.25, 0.25)),
    "15 % flatter": lambda image: jpeg(scaled(image, 1, 0.85)),
    "JPEG quality 40": lambda image: jpeg(image, 40),
    "JPEG quality 15": lambda image: jpeg(image, 15),
    "15 % brighter": lambda image: jpeg(image.point(lambda value: min(255, round(value * 1.15)))),
    "grey": lambda image: jpeg(image.convert("L")),
    "watermark": lambda image: jpeg(marked(image)),
    "1 % cut off each side": lambda image: jpeg(cut(image, 0.01)),
    "3 % cut off each side": lambda image: jpeg(cut(image, 0.03)),
    "10 % cut off each side": lambda image: jpeg(cut(image, 0.1)),
    "mirrored": lambda image: jpeg(ImageOps.mirror(image)),
    "on a page": lambda image: jpeg(framed(image)),
}


def pictures_in(*folders: str) -> list[Image.Image]:
    """Return the pictures of folders; of one with very many, every fourth."""
    found = []
    for folder in folders:
        paths = sorted(p for p in Path(folder).rglob("*") if p.suffix.lower() in ENDINGS)
        found += [Image.open(path) for path in (paths[::4] if len(paths) > 60 else paths)]
    return [image.convert("RGBA").convert("RGB") for image in found]


def drawings(count: int, seed: int = 0) -> list[Image.Image]:
    return [draw(Random(seed + number))[0].convert("RGB") for number in range(count)]


def embedder(model: str) -> Callable[[list[bytes]], Floats]:
    """Return what gives float32[N, D], unit vectors, of encoded pictures."""
    if model != STAND_IN:
        clip = Clip(model=model, pretrained="").load()
        return lambda pictures: clip.embed_images([np.asarray(opened(each)) for each in pictures])
    matrix = np.random.default_rng(0).normal(size=(16 * 16 * 3, 256)) / 16

    def embed(pictures: list[bytes]) -> Floats:
        small = [
            np.asarray(opened(each).resize((16, 16), Image.Resampling.BOX)) for each in pictures
        ]
        flat = np.array(small, np.float64).reshape(len(small), -1)
        vectors = (flat - flat.mean(axis=1, keepdims=True)) @ matrix
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)

    return embed


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("RGB")


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
