"""The perceptual hash stays where a picture is resized, recompressed or drained of colour."""

import io
from random import Random

import numpy as np
import pytest
from PIL import Image

from stages.decode import Limits, decode_grey
from stages.perceptual_hash import hash_of, perceptual_hash
from synth.renders.figures import weather
from synth.renders.scenes import landscape, map_sheet
from tests.shared_data import SHARED, needs_shared

LIMITS = Limits()
RADIUS = 4


def encoded(image, kind="JPEG", **options):
    data = io.BytesIO()
    image.save(data, kind, **options)
    return data.getvalue()


def resized(image, factor):
    return image.resize((round(image.width * factor), round(image.height * factor)), Image.LANCZOS)


def cropped(image, share):
    x, y = round(image.width * share), round(image.height * share)
    return image.crop((x, y, image.width - x, image.height - y))


def distance(a, b):
    return (perceptual_hash(a, LIMITS) ^ perceptual_hash(b, LIMITS)).bit_count()


COPIES = {
    "PNG": lambda image: encoded(image, "PNG"),
    "WebP": lambda image: encoded(image, "WEBP", quality=80),
    "half the size": lambda image: encoded(resized(image, 0.5)),
    "twice the size": lambda image: encoded(resized(image, 2)),
    "another shape": lambda image: encoded(image.resize((image.width, image.height * 4 // 5))),
    "quality 40": lambda image: encoded(image, quality=40),
    "progressive": lambda image: encoded(image, progressive=True),
    "grey": lambda image: encoded(image.convert("L")),
    "half and quality 40": lambda image: encoded(resized(image, 0.5), quality=40),
    "with EXIF orientation": lambda image: _turned(image),
}


def _turned(image):
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(image.transpose(Image.Transpose.ROTATE_90), exif=exif)


@pytest.fixture(scope="module")
def scenes():
    return [resized(landscape(Random(seed)).image.convert("RGB"), 1.5) for seed in range(4)]


@pytest.mark.parametrize("copy", COPIES.values(), ids=COPIES)
def test_a_copy_of_a_drawn_landscape_is_within_the_radius(scenes, copy):
    assert max(distance(encoded(scene), copy(scene)) for scene in scenes) <= RADIUS


def test_a_picture_without_its_border_is_near(scenes):
    far = [distance(encoded(scene), encoded(cropped(scene, 0.01))) for scene in scenes]
    assert max(far) <= 8


def test_different_drawings_are_far_from_each_other():
    drawings = [
        draw(Random(seed)).image for draw in (landscape, map_sheet, weather) for seed in (1, 2)
    ]
    images = [encoded(drawing.convert("RGB")) for drawing in drawings]
    near = [distance(a, b) for i, a in enumerate(images) for b in images[:i]]
    assert min(near) > 8


def test_a_mirrored_picture_is_another(scenes):
    mirrored = scenes[0].transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    assert distance(encoded(scenes[0]), encoded(mirrored)) > 16


@needs_shared
@pytest.mark.parametrize("copy", COPIES.values(), ids=COPIES)
def test_a_copy_of_a_photograph_is_within_eight_bits(copy):
    photos = sorted((SHARED / "data" / "photos").glob("*.jp*g"))[:6]
    images = [Image.open(photo).convert("RGB") for photo in photos]
    small = [resized(image, 640 / max(image.size)) for image in images]
    assert max(distance(encoded(image), copy(image)) for image in small) <= 8


FLAT = {
    "one colour": np.full((90, 120), 200, np.uint8),
    "noise": np.random.default_rng(1).integers(120, 136, (300, 400), np.uint8),
    "a ramp": np.tile(np.arange(256, dtype=np.uint8), (200, 1)),
    "one pixel": np.zeros((1, 1), np.uint8),
}


@pytest.mark.parametrize("grey", FLAT.values(), ids=FLAT)
def test_a_picture_that_hardly_varies_has_no_hash(grey):
    assert hash_of(grey) is None
    assert perceptual_hash(encoded(Image.fromarray(grey)), LIMITS) is None


@pytest.mark.parametrize("shape", [(1, 500), (500, 1), (3, 3), (31, 33), (32, 32), (64, 100)])
def test_pictures_of_any_size_are_hashed(shape):
    grey = np.random.default_rng(3).integers(0, 256, shape, np.uint8)
    found = hash_of(grey)
    assert found is None or 0 <= found < 1 << 63


def test_the_hash_is_that_of_its_definition():
    grey = np.random.default_rng(5).integers(0, 256, (64, 96), np.uint8)
    small = grey.reshape(32, 2, 32, 3).mean(axis=(1, 3))
    place = np.pi * (np.arange(32) + 0.5) / 32
    basis = np.cos(np.outer(np.arange(8), place)) * np.r_[1, np.full(7, 2**0.5)][:, None]
    low = (basis @ small @ basis.T).reshape(-1)
    bits = low > np.median(low[1:])
    bits[0] = False
    assert hash_of(grey) == int("".join("01"[bit] for bit in bits.tolist()), 2)


def test_what_cannot_be_decoded_has_no_hash(scenes):
    data = encoded(scenes[0])
    for bad in (b"", b"text", data[:200], data[: len(data) // 2]):
        assert perceptual_hash(bad, LIMITS) is None
    assert perceptual_hash(data, Limits(max_pixels=1000)) is None


def test_a_large_jpeg_is_decoded_smaller_and_a_small_one_is_not():
    image = Image.new("RGB", (1024, 768))
    assert decode_grey(encoded(image), LIMITS, 64)[1].shape == (96, 128)
    assert decode_grey(encoded(image.resize((60, 50))), LIMITS, 64)[1].shape == (50, 60)
    assert decode_grey(encoded(image, "PNG"), LIMITS, 64)[1].shape == (768, 1024)
