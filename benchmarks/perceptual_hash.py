"""JPEG bytes to perceptual hash on one core, beside imagehash; and what hashes survive.

    python -m benchmarks.perceptual_hash [--jpegs 60] [--rounds 5] [--pictures FOLDER]

Peers that are not installed are named and left out: imagehash and opencv (each by `pip
install`). All run in one process, in turn, in every round; CPU seconds of all threads count.
The JPEGs are noisy drawings of 1024 x 768 at quality 85, 130 KB each.

Then, over the pictures of a folder (or drawings, without one): in how many bits the hash of a
changed copy differs, how many copies lie within a radius, and how many pairs of different
pictures do.
"""

from __future__ import annotations

import argparse
import functools
import importlib
import io
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np
from PIL import Image

from synth.renders.catalogue import DRAWINGS

SCENES = tuple(DRAWINGS.values())
RADII = (4, 8, 10)
Hash = Callable[[bytes], int | None]


def quern() -> Hash:
    from stages.decode import Limits
    from stages.perceptual_hash import perceptual_hash

    return lambda data: perceptual_hash(data, Limits())


def imagehash() -> Hash:
    library = importlib.import_module("imagehash")
    return lambda data: int(str(library.phash(Image.open(io.BytesIO(data)))), 16)


def simplejpeg_and_opencv() -> Hash:
    cv2, simplejpeg = importlib.import_module("cv2"), importlib.import_module("simplejpeg")

    def hash_(data: bytes) -> int:
        grey = simplejpeg.decode_jpeg(data, colorspace="GRAY", min_width=64, min_height=64)
        small = cv2.resize(grey[..., 0], (32, 32), interpolation=cv2.INTER_AREA)
        low = cv2.dct(small.astype(np.float32))[:8, :8].reshape(-1)
        return int.from_bytes(np.packbits(low > np.median(low)).tobytes(), "big")

    return hash_


def decoding_alone() -> Hash:
    simplejpeg = importlib.import_module("simplejpeg")

    def decode(data: bytes) -> int:
        simplejpeg.decode_jpeg(data, colorspace="GRAY", min_width=64, min_height=64)
        return 0

    return decode


TOOLS: dict[str, Callable[[], Hash]] = {
    "quern": quern,
    "simplejpeg at 1/8, nothing hashed": decoding_alone,
    "simplejpeg at 1/8 + OpenCV": simplejpeg_and_opencv,
    "imagehash.phash": imagehash,
}


def jpeg(image: Image.Image, quality: int = 85) -> bytes:
    data = io.BytesIO()
    image.convert("RGB").save(data, "JPEG", quality=quality)
    return data.getvalue()


def noisy(seed: int) -> bytes:
    drawing = SCENES[seed % len(SCENES)](Random(seed))[0].convert("RGB").resize((1024, 768))
    noise = np.random.default_rng(seed).normal(0, 4.9, (768, 1024, 1))
    pixels = (np.asarray(drawing) + noise).clip(0, 255).astype(np.uint8)
    return jpeg(Image.fromarray(pixels))


def time_all(jpegs: list[bytes], rounds: int) -> None:
    tools: dict[str, Hash] = {}
    for name, make in TOOLS.items():
        try:
            tools[name] = make()
        except ImportError as error:
            print(f"left out: {name} ({error})")
    rates: dict[str, list[float]] = {name: [] for name in tools}
    for _ in range(rounds):
        for name, hash_ in tools.items():
            start = time.process_time()
            for data in jpegs:
                hash_(data)
            rates[name].append(len(jpegs) / (time.process_time() - start))
    kilobytes = sum(map(len, jpegs)) / len(jpegs) / 1000
    print(f"{len(jpegs)} JPEGs of {kilobytes:.0f} KB, {rounds} rounds, JPEGs per CPU second:")
    for name, found in rates.items():
        print(f"{name:<36}{statistics.median(found):>8.0f}  ({min(found):.0f} to {max(found):.0f})")


def resized(image: Image.Image, factor: float) -> Image.Image:
    size = round(image.width * factor), round(image.height * factor)
    return image.resize(size, Image.Resampling.LANCZOS)


def cropped(image: Image.Image, share: float) -> Image.Image:
    x, y = round(image.width * share), round(image.height * share)
    return image.crop((x, y, image.width - x, image.height - y))


CHANGES: dict[str, Callable[[Image.Image], bytes]] = {
    "half the size": lambda image: jpeg(resized(image, 0.5)),
    "a quarter of the size": lambda image: jpeg(resized(image, 0.25)),
    "quality 40": lambda image: jpeg(image, 40),
    "half, quality 40": lambda image: jpeg(resized(image, 0.5), 40),
    "grey": lambda image: jpeg(image.convert("L")),
    "15 % flatter": lambda image: jpeg(image.resize((image.width, image.height * 17 // 20))),
    "15 % brighter": lambda image: jpeg(image.point(lambda value: min(255, round(value * 1.15)))),
    "1 % off each side": lambda image: jpeg(cropped(image, 0.01)),
    "3 % off each side": lambda image: jpeg(cropped(image, 0.03)),
    "mirrored": lambda image: jpeg(image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)),
}


def pictures(folder: str) -> list[Image.Image]:
    if not folder:
        return [scene(Random(seed))[0].convert("RGB") for seed in range(4) for scene in SCENES]
    paths = sorted(
        path for path in Path(folder).rglob("*") if path.suffix in (".jpg", ".jpeg", ".png")
    )
    return [Image.open(path).convert("RGB") for path in paths]


def survive(name: str, hash_: Hash, images: list[Image.Image]) -> None:
    originals = [hash_(jpeg(image)) for image in images]
    known = [at for at, each in enumerate(originals) if each is not None]
    print(f"\n{name}: {len(images)} pictures, {len(images) - len(known)} without a hash")
    print(f"{'change':<24}{'median':>8}{'p90':>6}{'most':>6}" + _heads("within"))
    for change, apply in CHANGES.items():
        copies = [hash_(apply(images[at])) for at in known]
        bits = [
            64 if b is None else _bits(originals[at], b)
            for at, b in zip(known, copies, strict=True)
        ]
        row = f"{np.median(bits):>8.0f}{np.percentile(bits, 90):>6.0f}{max(bits):>6}"
        print(f"{change:<24}{row}" + _shares(bits))
    bits = [_bits(originals[a], originals[b]) for i, a in enumerate(known) for b in known[:i]]
    print(
        f"{f'{len(bits)} other pairs':<44}"
        + "".join(f"{sum(b <= r for b in bits):>12}" for r in RADII)
    )


def _bits(a: int | None, b: int | None) -> int:
    assert a is not None
    assert b is not None
    return (a ^ b).bit_count()


def _heads(word: str) -> str:
    return "".join(f"{f'{word} {radius}':>12}" for radius in RADII)


def _shares(bits: list[int]) -> str:
    return "".join(f"{sum(b <= r for b in bits) / len(bits):>12.2f}" for r in RADII)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jpegs", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pictures", default="")
    options = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    time_all([noisy(seed) for seed in range(options.jpegs)], options.rounds)
    images = pictures(options.pictures)
    for name in ("quern", "imagehash.phash"):
        try:
            survive(name, functools.cache(TOOLS[name]()), images)
        except ImportError as error:
            print(f"left out: {name} ({error})")


if __name__ == "__main__":
    main()
