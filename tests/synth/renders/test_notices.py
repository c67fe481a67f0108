"""Print to read: what is said of it is what is printed, and even lines stand in their squares."""

from random import Random

import numpy as np
import pytest

from synth.renders import notices
from synth.renders.notices import print_to_read


@pytest.fixture(scope="module")
def drawn():
    return [print_to_read(Random(seed), words=("QUERN",)) for seed in range(200)]


def test_all_of_the_print_is_asked_for_and_told(drawn):
    for drawing in drawn:
        asked, text = drawing.questions[0]
        assert asked in ("What is written here?", "What is written on the notice?")
        assert text in drawing.caption
        assert text in drawing.facts[0]
    assert any("QUERN" in drawing.caption for drawing in drawn)


def test_a_line_that_is_asked_for_is_one_of_the_notice(drawn):
    lines = [drawing for drawing in drawn if len(drawing.questions) > 1]
    assert lines
    for drawing in lines:
        assert drawing.questions[1][1] in drawing.questions[0][1]


def test_the_same_seed_gives_the_same_print(drawn):
    again = print_to_read(Random(7), words=("QUERN",))
    assert again.caption == drawn[7].caption
    np.testing.assert_array_equal(np.asarray(again.image), np.asarray(drawn[7].image))


def test_each_glyph_of_an_even_line_stands_in_a_square_of_its_own(monkeypatch):
    monkeypatch.setattr(notices, "SHARES", (1, 0, 0))
    for seed in range(20):
        drawing = print_to_read(Random(seed))
        text = drawing.questions[0][1]
        side = drawing.image.height
        assert len(text) == notices.EVEN_GLYPHS
        assert drawing.image.width == side * len(text)
        dark = np.asarray(drawing.image.convert("L")) < 128
        for number in range(len(text)):
            assert dark[:, number * side : (number + 1) * side].sum() > 10


def test_hardly_any_print_runs_over_the_edge_of_a_line(monkeypatch):
    monkeypatch.setattr(notices, "SHARES", (0, 1, 0))
    over = 0
    for seed in range(100):
        pixels = np.asarray(print_to_read(Random(seed)).image.convert("RGB")).astype(int)
        over += bool((pixels[:, [0, -1]] != pixels[0, 0]).any())
    assert over <= 5  # widths are guessed: a line of W is wider than most
