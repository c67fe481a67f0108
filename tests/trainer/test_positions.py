import json

import numpy as np
import pytest

from stages.geometry import Grid
from tests.shared_data import SHARED, needs_shared
from trainer.positions import mrope_positions

REFERENCE = SHARED / "golden" / "mrope_reference.json"


def is_medium_of(parts):
    """Return which tokens stand for media; a medium lies between a start and an end token."""
    marks = []
    for kind, size in parts:
        inside = [kind != "text"] * (size if kind == "text" else Grid(*size).tokens)
        marks += inside if kind == "text" else [False, *inside, False]
    return np.array(marks)


@needs_shared
def test_positions_equal_the_official_codes_in_every_case():
    cases = json.loads(REFERENCE.read_text())["cases"]
    assert len(cases) == 14
    for case in cases:
        media = [(kind, Grid(*size)) for kind, size in case["parts"] if kind != "text"]
        rest = iter(case["second_per_grid"] or [])
        seconds = [next(rest) if kind == "video" else 0.0 for kind, _ in media]
        made = mrope_positions(is_medium_of(case["parts"]), [grid for _, grid in media], seconds)
        np.testing.assert_array_equal(made, case["positions"], err_msg=case["name"])
        assert made.dtype == np.int64


def test_the_drawn_example():
    marks = np.array([False] * 2 + [True] * 8 + [False])
    assert mrope_positions(marks, [Grid(2, 4, 4)], [1.0]).tolist() == [
        [0, 1, 2, 2, 2, 2, 4, 4, 4, 4, 5],
        [0, 1, 2, 2, 3, 3, 2, 2, 3, 3, 5],
        [0, 1, 2, 3, 2, 3, 2, 3, 2, 3, 5],
    ]


@pytest.mark.parametrize(
    ("seconds", "ticks"),
    [(0.25, [0, 0, 1, 1, 2]), (1 / 3, [0, 0, 1, 2, 2]), (4.0, [0, 8, 16, 24, 32])],
)
def test_time_is_multiplied_first_and_cut_last(seconds, ticks):
    made = mrope_positions(np.ones(5, dtype=bool), [Grid(5, 2, 2)], [seconds])
    assert made[0].tolist() == ticks


def test_time_runs_at_the_pace_of_the_configuration():
    made = mrope_positions(np.ones(3, dtype=bool), [Grid(3, 2, 2)], [1.0], tokens_per_second=25)
    assert made[0].tolist() == [0, 25, 50]


def test_media_side_by_side_follow_each_other():
    made = mrope_positions(np.ones(2, dtype=bool), [Grid(1, 2, 2)] * 2, [0.0, 0.0])
    assert made.tolist() == [[0, 1]] * 3


def test_a_document_without_tokens_has_no_positions():
    assert mrope_positions(np.zeros(0, dtype=bool), [], []).shape == (3, 0)


def test_tokens_that_do_not_fit_the_grids_are_refused():
    marks = np.array([True] * 4)
    with pytest.raises(ValueError, match=r"4 tokens stand for media of 1 tokens: \[\(1, 2, 2\)\]"):
        mrope_positions(marks, [Grid(1, 2, 2)], [0.0])
    with pytest.raises(ValueError, match="do not lie side by side"):
        mrope_positions(np.insert(marks, 2, False), [Grid(1, 4, 4)], [0.0])
