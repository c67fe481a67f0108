"""Blur."""

import numpy as np
from PIL import Image, ImageFilter

from filters.blur import Blur
from tests.stored_pictures import encoded, kept, stored


def chequers(radius_px: float) -> bytes:
    pixels = np.kron(np.random.default_rng(1).integers(0, 256, (30, 40)), np.ones((10, 10)))
    image = Image.fromarray(pixels.astype(np.uint8)).convert("RGB")
    return encoded(image.filter(ImageFilter.GaussianBlur(radius_px)))


def test_a_sharp_picture_stays_and_a_blurred_one_goes(tmp_path):
    batch = stored(tmp_path, chequers(0), chequers(1), chequers(9))
    assert kept(Blur(), batch) == [True, True, False]


def test_a_picture_on_the_bound_is_kept(tmp_path):
    batch = stored(tmp_path, chequers(3))
    (found,) = Blur().build()(batch)["blur"].tolist()
    assert kept(Blur(max_blur=found), batch) == [True]
    assert kept(Blur(max_blur=found - 1e-6), batch) == [False]


def test_a_picture_of_one_colour_and_one_that_is_broken_are_not_judged(tmp_path):
    flat = encoded(Image.new("RGB", (200, 200), "teal"))
    batch = stored(tmp_path, flat, chequers(0)[:300])
    assert np.isnan(Blur().build()(batch)["blur"]).tolist() == [True, True]
    assert kept(Blur(max_blur=0), batch) == [True, True]
