"""Fine detail tells copies from pictures that only look alike from afar."""

from random import Random

import numpy as np
import pytest
from PIL import Image, ImageDraw

from stages.evals.likeness import likeness
from synth.renders.scenes import landscape


def grey(image):
    return np.asarray(image.convert("L"))


def bars(*heights):
    """Return a bar chart with the height of each bar written on it."""
    image = Image.new("L", (400, 300), "white")
    draw = ImageDraw.Draw(image)
    draw.line((30, 10, 30, 280, 390, 280), fill="black", width=2)
    for i, height in enumerate(heights):
        left = 50 + 70 * i
        draw.rectangle((left, 280 - height, left + 45, 280), fill="grey")
        draw.text((left + 5, 262 - height), str(height), fill="black", font_size=16)
    return image


@pytest.fixture(scope="module")
def scene():
    return landscape(Random(4))[0].convert("L")


def cut(image, share):
    x, y = round(image.width * share), round(image.height * share)
    return image.crop((x, y, image.width - x, image.height - y))


@pytest.mark.parametrize(
    "change",
    [
        lambda image: image.resize((image.width // 2, image.height // 3)),
        lambda image: image.point(lambda value: min(255, value + 20)),
        lambda image: cut(image, 0.01),
        lambda image: cut(image, 0.02),
    ],
    ids=["resized", "brighter", "1 % cut", "2 % cut"],
)
def test_a_copy_is_like_its_original_both_ways(scene, change):
    for image in (scene, bars(90, 200, 140, 60)):
        copy = change(image)
        assert likeness(grey(image), grey(copy)) > 0.75
        assert likeness(grey(copy), grey(image)) == pytest.approx(
            likeness(grey(image), grey(copy)), abs=1e-9
        )


def test_the_same_picture_is_like_itself(scene):
    assert likeness(grey(scene), grey(scene)) == pytest.approx(1)


def test_a_chart_of_other_numbers_is_not_alike():
    assert likeness(grey(bars(90, 200, 140, 60)), grey(bars(100, 180, 150, 75))) < 0.65


def test_another_scene_is_not_alike(scene):
    assert abs(likeness(grey(scene), grey(landscape(Random(5))[0]))) < 0.5


def test_a_mark_in_a_corner_leaves_a_copy_alike(scene):
    copy = scene.copy()
    ImageDraw.Draw(copy).text((20, 20), "mill.example", fill="white", font_size=24)
    assert likeness(grey(scene), grey(copy)) > 0.75


def test_a_picture_without_detail_is_like_nothing(scene):
    flat = np.full((60, 80), 90, np.uint8)
    assert likeness(flat, flat) == 0
    assert likeness(flat, grey(scene)) == 0
