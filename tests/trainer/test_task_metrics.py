"""Measures of answers, computed by hand."""

import doctest

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer import task_metrics
from trainer.task_metrics import (
    action_in,
    anls,
    box_scores,
    boxes_in,
    is_exact,
    is_inside,
    is_same_action,
    overlaps,
)


def boxes(*corners):
    return np.array(corners, np.float64).reshape(-1, 4)


def call(name="mobile_use", **arguments):
    return {**arguments, "name": name}


def test_examples_hold():
    assert doctest.testmod(task_metrics).failed == 0


def test_boxes_of_an_answer_are_read_in_their_order():
    text = '```json\n[\n\t{"bbox_2d": [1, 2, 3, 4], "label": "a"},\n\t{"bbox_2d": [5,6,7.5,-8]'
    assert boxes_in(text).tolist() == [[1, 2, 3, 4], [5, 6, 7.5, -8]]


@pytest.mark.parametrize("text", ["", "[1, 2, 3]", "[1, 2, 3, 4, 5]", "[1, 2, x, 4]"])
def test_what_is_no_box_is_not_read(text):
    assert boxes_in(text).shape == (0, 4)


def test_an_empty_box_overlaps_nothing():
    assert overlaps(boxes([1, 1, 1, 1]), boxes([1, 1, 1, 1])).tolist() == [[0]]


corners = st.lists(st.integers(0, 20), min_size=4, max_size=4)


@given(corners, corners)
def test_overlap_is_the_share_of_pixels_in_both(a, b):
    def pixels(box):
        x1, y1, x2, y2 = box
        return {(x, y) for x in range(x1, x2) for y in range(y1, y2)}

    both, either = pixels(a) & pixels(b), pixels(a) | pixels(b)
    wanted = len(both) / len(either) if either else 0.0
    assert overlaps(boxes(a), boxes(b))[0, 0] == pytest.approx(wanted)


def test_an_overlap_of_one_half_counts_as_found():
    assert box_scores(boxes([0, 0, 2, 1]), boxes([0, 0, 2, 2])) == (0.5, 1.0)


def test_every_box_is_matched_once():
    true = boxes([0, 0, 2, 2], [4, 0, 6, 2])
    assert box_scores(boxes([0, 0, 2, 2], [0, 0, 2, 2]), true) == (0.5, 0.5)
    assert box_scores(true[::-1], true) == (1.0, 1.0)


def test_boxes_too_many_or_too_few_lower_the_share_found():
    one = boxes([0, 0, 2, 2])
    more = boxes([0, 0, 2, 2], [9, 9, 10, 10])
    assert box_scores(more, one) == (1.0, 0.5)
    assert box_scores(one, more) == (0.5, 0.5)
    assert box_scores(boxes(), one) == (0.0, 0.0)


def test_texts_are_the_same_but_for_case_spaces_and_a_full_stop():
    assert is_exact(" Two  MILLS.", "two mills")
    assert not is_exact("two mill", "two mills")


@pytest.mark.parametrize(
    ("found", "true", "score"),
    [
        ("mill", "mill", 1.0),
        ("mil", "mill", 0.75),
        ("kitten", "sitting", 1 - 3 / 7),
        ("mall", "will", 0.0),  # a distance of one half is too far
        ("", "", 1.0),
        ("", "mill", 0.0),
    ],
)
def test_similarity_is_one_less_the_share_of_edits(found, true, score):
    assert anls(found, true) == pytest.approx(score)


def test_an_action_is_the_same_wherever_it_is_done():
    assert is_same_action(call(action="click", coordinate=[1, 2]), call(action="click"))
    assert not is_same_action(call(action="click"), call("computer_use", action="click"))
    assert not is_same_action(call(action="type", text="a"), call(action="type", text="b"))
    assert not is_same_action({}, call(action="click"))


@pytest.mark.parametrize(
    "text", ["click it", "<tool_call>{</tool_call>", "<tool_call>[1]</tool_call>"]
)
def test_an_answer_without_a_call_is_no_action(text):
    assert action_in(text) == {}


@pytest.mark.parametrize(
    ("place", "inside"),
    [([5, 10], True), ([10, 20], True), ([4, 10], False), ([7, 21], False), ([7], False),
     ("7, 15", False), (None, False), ([True, 12], False)],
)  # fmt: skip
def test_a_click_on_the_edge_of_a_box_is_inside(place, inside):
    scale = np.array([2.0, 0.5])
    assert is_inside({"coordinate": place}, [10, 5, 20, 10], scale) == inside
