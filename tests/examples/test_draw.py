"""The drawings: deterministic, of usable size, captioned."""

from random import Random

import numpy as np
import pytest
from scipy import ndimage

from examples.draw import COLOURS, THINGS, things
from examples.scenes import SCENES, draw, water_wheel


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__)
def test_the_same_seed_gives_the_same_pixels_and_caption(scene):
    (first, caption), (second, again) = scene(Random(7)), scene(Random(7))
    assert first.tobytes() == second.tobytes()
    assert caption == again


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__)
def test_every_picture_is_rgb_and_240_to_480_pixels_a_side(scene):
    for seed in range(5):
        image, caption = scene(Random(seed))
        assert image.mode == "RGB"
        assert 240 <= min(image.size) <= max(image.size) <= 480
        assert 4 <= len(caption.split()) <= 24


def test_what_the_caller_names_is_what_the_caption_says():
    _, caption = things(Random(0), thing="leaf", colour="brown", count=3)
    assert caption == "three brown leaves on a plain background"


def test_a_single_thing_is_named_in_the_singular():
    _, caption = things(Random(0), thing="fish", colour="blue", count=1)
    assert caption == "one blue fish on a plain background"


@pytest.mark.parametrize("count", range(1, 10))
def test_as_many_circles_are_drawn_as_the_caption_counts(count):
    image, _ = things(Random(count), thing="circle", colour="red", count=count)
    red = (np.asarray(image) == COLOURS["red"]).all(axis=-1)
    _, islands = ndimage.label(red)
    assert islands == count


def test_every_thing_can_be_drawn_in_every_colour():
    pictures = {
        things(Random(1), thing=thing, colour=colour, count=2)[0].tobytes()
        for thing in THINGS
        for colour in COLOURS
    }
    assert len(pictures) == len(THINGS) * len(COLOURS)


def test_a_turned_wheel_is_another_picture():
    still, _ = water_wheel(Random(0), paddles=8)
    turned, _ = water_wheel(Random(0), paddles=8, turn=0.2)
    assert still.tobytes() != turned.tobytes()


def test_draw_reaches_every_kind_of_picture():
    drawn = {draw(Random(seed))[1] for seed in range(400)}
    openings = {caption.split()[1] for caption in drawn}
    assert {"bar", "line", "pie", "analogue", "map", "compass", "regular"} <= openings
