"""What pictures of known content show."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from stages.picture_information import picture_information


def _fractal(side=300):
    """Grey levels and detail at every scale, as a photograph has them."""
    return np.asarray(Image.effect_mandelbrot((side, side), (-0.8, -0.3, -0.4, 0.1), 100))


def _print(side=300):
    page = Image.new("L", (side, side), 255)
    pen = ImageDraw.Draw(page)
    for y in range(6, side, 14):
        pen.text((6, y), "the wheel turns and the stone grinds all day long", 0)
    return np.asarray(page)


def _drawing(side=300):
    page = Image.new("L", (side, side), 255)
    ImageDraw.Draw(page).ellipse((60, 60, 200, 200), fill=90)
    return np.asarray(page)


def test_an_empty_picture_shows_nothing_at_any_size():
    for shape in ((1, 1), (300, 300), (4000, 100)):
        assert picture_information(np.full(shape, 200, np.uint8)).share == 0


def test_pictures_are_ordered_by_what_they_show():
    noise = np.random.default_rng(0).integers(0, 256, (300, 300)).astype(np.uint8)
    slope = np.tile(np.linspace(0, 255, 300).astype(np.uint8), (300, 1))
    shares = {
        name: picture_information(each).share
        for name, each in {"noise": noise, "slope": slope, "drawing": _drawing()}.items()
    }
    assert 0 < shares["drawing"] < shares["noise"] == pytest.approx(1, abs=0.2)
    assert shares["slope"] < 0.6


def test_a_screenshot_of_text_shows_less_than_its_detail_says():
    page = picture_information(_print())
    assert page.detail > 1
    assert page.text > 0.3
    assert page.share < 0.3


def test_size_hardly_matters():
    small, large = (Image.fromarray(_fractal(300)).resize((side, side)) for side in (300, 1200))
    one, other = (picture_information(np.asarray(each)).share for each in (small, large))
    assert one == pytest.approx(other, rel=0.35)


@settings(max_examples=25)
@given(st.integers(1, 80), st.integers(1, 80), st.integers(0, 2**32 - 1), st.integers(1, 256))
def test_measures_lie_in_their_ranges(height, width, seed, levels):
    grey = np.random.default_rng(seed).integers(0, levels, (height, width)).astype(np.uint8)
    found = picture_information(grey)
    assert 0 <= found.entropy <= 8
    assert found.detail >= 0
    assert 0 <= found.text <= 1
    assert 0 <= found.share <= 1
