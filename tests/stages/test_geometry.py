"""Sizes, grids and coordinates against the released image processor's numbers."""

import doctest

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from stages import geometry
from stages.geometry import (
    MAX_PIXELS,
    MIN_PIXELS,
    Grid,
    Size,
    grid_thw,
    place_box,
    place_point,
    seconds_per_grid,
    smart_resize,
    video_resize,
)

sides = st.integers(1, 30_000)
small_sides = st.integers(28, 4000)


def test_the_examples_in_the_docstrings_hold():
    result = doctest.testmod(geometry)
    assert result.attempted > 5
    assert result.failed == 0


@pytest.mark.parametrize(
    ("height", "width", "max_pixels", "expected"),
    [
        (98, 70, MAX_PIXELS, (112, 56)),  # 3.5 and 2.5 factors: halves go to the even one
        (14, 14, MAX_PIXELS, (56, 56)),
        (10, 2000, MAX_PIXELS, (28, 812)),
        (13, 500, MAX_PIXELS, (28, 364)),
        (1, 200, MAX_PIXELS, (28, 812)),
        (20_000, 100, MAX_PIXELS, (19_992, 112)),
        (6000, 8000, MAX_PIXELS, (3080, 4116)),
        (5000, 4000, 50_176, (224, 196)),
    ],
)
def test_resizes_as_the_processor_of_transformers_5_23(height, width, max_pixels, expected):
    assert smart_resize(height, width, max_pixels=max_pixels) == expected


def test_never_gives_a_side_of_zero_when_shrinking():
    assert smart_resize(100, 20_000, min_pixels=784, max_pixels=1568) == (28, 560)


def test_refuses_a_picture_over_200_times_longer_than_wide():
    assert smart_resize(100, 20_000) == (112, 19_992)
    with pytest.raises(ValueError, match="20001 x 100 px is over 200 times"):
        smart_resize(100, 20_001)


def test_refuses_a_picture_without_pixels():
    with pytest.raises(ValueError, match="has no pixels"):
        smart_resize(0, 10)


@given(height=sides, width=sides)
def test_sides_are_multiples_of_28_and_pixels_lie_within_the_bounds(height, width):
    assume(max(height, width) <= 200 * min(height, width))
    resized = smart_resize(height, width)
    assert resized.height_px % 28 == 0
    assert resized.width_px % 28 == 0
    assert MIN_PIXELS <= resized.height_px * resized.width_px <= MAX_PIXELS


@given(height=st.integers(56, 3000), width=st.integers(56, 3000), more=st.integers(0, 500))
def test_a_taller_picture_never_gets_fewer_tokens(height, width, more):
    tokens = grid_thw(*smart_resize(height, width)).tokens
    assert grid_thw(*smart_resize(height + more, width)).tokens >= tokens


@given(height=small_sides, width=small_sides)
def test_resizing_twice_is_resizing_once(height, width):
    resized = smart_resize(height, width)
    assert smart_resize(*resized) == resized


def test_counts_patches_and_tokens():
    grid = grid_thw(364, 420)
    assert grid == Grid(1, 26, 30)
    assert (grid.patches, grid.tokens) == (780, 195)


def test_an_odd_last_frame_takes_a_grid_step_of_its_own():
    assert [grid_thw(28, 28, frames=frames).t for frames in (1, 2, 3, 4)] == [1, 1, 2, 2]


@given(frames=st.integers(2, 768), height=small_sides, width=small_sides)
def test_a_video_stays_within_its_budget(frames, height, width):
    assume(max(height, width) <= 20 * min(height, width))
    grid = grid_thw(*video_resize(frames, height, width), frames=frames)
    assert grid.tokens <= 116_000


@given(
    height=small_sides,
    width=small_sides,
    corners=st.lists(st.floats(-50, 4050), min_size=4, max_size=4),
)
def test_boxes_stay_inside_the_resized_picture(height, width, corners):
    resized = smart_resize(height, width)
    box = place_box(corners, original=Size(height, width), resized=resized)
    assert (box >= 0).all()
    assert (box[[0, 2]] < resized.width_px).all()
    assert (box[[1, 3]] < resized.height_px).all()


@given(height=small_sides, width=small_sides, x=st.floats(0, 1), y=st.floats(0, 1))
def test_a_point_comes_back_within_a_pixel(height, width, x, y):
    original, resized = Size(height, width), smart_resize(height, width)
    point = np.array([x * (width - 1), y * (height - 1)])
    placed = place_point(point, original=original, resized=resized)
    back = placed * [width / resized.width_px, height / resized.height_px]
    pixel = np.array([width / resized.width_px, height / resized.height_px])
    assert (np.abs(back - point) <= np.maximum(pixel, 1.0)).all()


def test_many_boxes_are_placed_like_each_alone():
    sizes = {"original": Size(428, 640), "resized": Size(420, 644)}
    boxes = [[146, 137, 615, 415], [0, 0, 640, 428]]
    together = place_box(boxes, **sizes)
    assert together.tolist() == [place_box(box, **sizes).tolist() for box in boxes]


def test_thousandths_do_not_depend_on_the_resized_picture():
    for resized in (Size(28, 28), Size(280, 560)):
        placed = place_point(
            [50.0, 25.0],
            original=Size(100, 100),
            resized=resized,
            convention="thousandths",
        )
        assert placed.tolist() == [500, 250]


def test_seconds_per_grid_come_from_the_true_times():
    assert seconds_per_grid([0.0, 2.0, 4.0, 6.0]) == 4.0
    assert seconds_per_grid([3.0]) == 0.0
