"""The drawings: deterministic, of usable size, captioned."""

from random import Random

import numpy as np
import pytest
from scipy import ndimage

from synth.renders.catalogue import DRAWINGS, draw
from synth.renders.mills import water_wheel
from synth.renders.pen import COLOURS, PAPER, Pen
from synth.renders.renders import UNBOXED
from synth.renders.spoil import SPOILERS, spoil
from synth.renders.things import THINGS, pair, things

every_drawing = pytest.mark.parametrize("name", DRAWINGS)


@every_drawing
def test_the_same_seed_gives_the_same_pixels_and_truths(name):
    first, second = DRAWINGS[name](Random(7)), DRAWINGS[name](Random(7))
    assert first.image.tobytes() == second.image.tobytes()
    assert first[1:] == second[1:]


@every_drawing
def test_every_picture_is_rgb_and_240_to_480_pixels_a_side(name):
    for seed in range(5):
        image, caption, *_ = DRAWINGS[name](Random(seed))
        assert image.mode == "RGB"
        assert 240 <= min(image.size) <= max(image.size) <= 480
        assert 4 <= len(caption.split()) <= 24


@every_drawing
def test_every_picture_comes_with_facts_and_with_questions_that_have_one_answer(name):
    for seed in range(5):
        drawing = DRAWINGS[name](Random(seed))
        assert len(drawing.facts) >= 3
        questions = [question for question, _ in drawing.questions]
        assert len(questions) == len(set(questions)) >= 2
        assert all(answer and answer == answer.strip() for _, answer in drawing.questions)


@every_drawing
def test_boxes_lie_inside_the_picture_and_only_unboxed_drawings_have_none(name):
    for seed in range(8):
        drawing = DRAWINGS[name](Random(seed))
        assert bool(drawing.regions) != (name in UNBOXED)
        for region in drawing.regions:
            x1, y1, x2, y2 = region.box
            assert 0 <= x1 < x2 <= drawing.image.width
            assert 0 <= y1 < y2 <= drawing.image.height


@pytest.mark.parametrize("thing", THINGS)
def test_a_box_is_the_extent_of_the_pixels_of_its_thing(thing):
    drawing = things(Random(3), thing=thing, colour="purple", count=1)
    painted = (np.asarray(drawing.image) != PAPER).any(axis=-1)
    rows, columns = np.nonzero(painted)
    extent = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    np.testing.assert_allclose(drawing.regions[0].box, extent, atol=1)


def test_a_box_leaves_out_what_is_covered_later_and_a_thing_that_is_gone_has_none():
    pen = Pen(100, 100)
    with pen.mark("half hidden"):
        pen.box(10, 10, 50, 50, COLOURS["red"])
    with pen.mark("hidden"):
        pen.box(70, 70, 80, 80, COLOURS["red"])
    pen.box(30, 0, 99, 99, COLOURS["blue"])
    assert pen.finish("boxes").regions == (("half hidden", (10, 10, 30, 50.5)),)


def test_things_have_as_many_boxes_as_the_answer_counts():
    for seed in range(20):
        drawing = things(Random(seed))
        count = next(answer for question, answer in drawing.questions if "How many" in question)
        assert len(drawing.regions) == int(count)


def test_the_boxes_of_a_pair_stand_as_the_caption_says():
    for side, axis in (("to the left of", 0), ("above", 1)):
        first, second = pair(Random(1), side=side).regions
        assert first.box[axis + 2] <= second.box[axis]


@pytest.mark.parametrize("how", SPOILERS)
def test_a_spoilt_picture_has_its_size_other_pixels_and_a_caption_that_says_so(how):
    drawing = things(Random(5))
    spoilt = spoil(drawing, how, Random(5))
    assert spoilt.image.size == drawing.image.size
    changed = (np.asarray(spoilt.image) != np.asarray(drawing.image)).any(axis=-1).mean()
    assert changed > 0.02
    assert spoilt.caption == f"{drawing.caption}, {SPOILERS[how][1]}"
    assert spoilt.image.tobytes() == spoil(drawing, how, Random(5)).image.tobytes()


def test_a_watermark_crosses_the_middle_of_every_picture_that_is_to_bear_one():
    for seed in range(40):
        drawing = things(Random(seed))
        spoilt = spoil(drawing, "watermark", Random(seed)).image
        width, height = spoilt.size
        middle = (width // 4, height // 4, 3 * width // 4, 3 * height // 4)
        before, after = (np.asarray(each.crop(middle)) for each in (drawing.image, spoilt))
        assert (before != after).any(axis=-1).mean() > 0.03


def test_what_the_caller_names_is_what_the_caption_says():
    _, caption, *_ = things(Random(0), thing="leaf", colour="brown", count=3)
    assert caption == "three brown leaves on a plain background"


def test_a_single_thing_is_named_in_the_singular():
    _, caption, *_ = things(Random(0), thing="fish", colour="blue", count=1)
    assert caption == "one blue fish on a plain background"


@pytest.mark.parametrize("count", range(1, 10))
def test_as_many_circles_are_drawn_as_the_caption_counts(count):
    image = things(Random(count), thing="circle", colour="red", count=count).image
    red = (np.asarray(image) == COLOURS["red"]).all(axis=-1)
    _, islands = ndimage.label(red)
    assert islands == count


def test_every_thing_can_be_drawn_in_every_colour():
    pictures = {
        things(Random(1), thing=thing, colour=colour, count=2).image.tobytes()
        for thing in THINGS
        for colour in COLOURS
    }
    assert len(pictures) == len(THINGS) * len(COLOURS)


def test_a_turned_wheel_is_another_picture():
    still = water_wheel(Random(0), paddles=8).image
    turned = water_wheel(Random(0), paddles=8, turn=0.2).image
    assert still.tobytes() != turned.tobytes()


def test_draw_reaches_every_kind_of_picture():
    drawn = {draw(Random(seed)).caption for seed in range(400)}
    openings = {caption.split()[1] for caption in drawn}
    assert {"bar", "line", "pie", "analogue", "map", "compass", "regular"} <= openings
