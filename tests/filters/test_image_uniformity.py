"""ImageUniformity."""

import numpy as np
import pytest
from PIL import Image

from filters.image_uniformity import ImageUniformity
from tests.stored_pictures import encoded, kept, stored


def mark(side_px: int) -> bytes:
    """A black square on white, of so many pixels of 200."""
    image = Image.new("RGB", (200, 200), "white")
    image.paste("black", (20, 20, 20 + side_px, 20 + side_px))
    return encoded(image)


def noise() -> bytes:
    return encoded(Image.effect_noise((200, 200), 60).convert("RGB"))


def test_shares_and_bits_are_those_of_the_pixels(tmp_path):
    scores = ImageUniformity().build()(stored(tmp_path, mark(100), mark(0)))
    assert scores["commonest_share"] == pytest.approx([0.75, 1])
    assert scores["entropy_bits"] == pytest.approx([0.8112781, 0])


def test_blank_pictures_go_and_drawings_stay(tmp_path):
    batch = stored(tmp_path, mark(0), mark(20), mark(60), noise())
    assert kept(ImageUniformity(), batch) == [False, False, True, True]


def test_either_bound_drops_and_on_the_bound_is_kept(tmp_path):
    batch = stored(tmp_path, mark(100))
    bits = float(ImageUniformity().build()(batch)["entropy_bits"][0])
    on = ImageUniformity(min_entropy_bits=bits, max_commonest_share=0.75)
    assert kept(on, batch) == [True]
    assert kept(ImageUniformity(max_commonest_share=0.74), batch) == [False]
    assert kept(ImageUniformity(min_entropy_bits=np.nextafter(bits, 9) + 1e-6), batch) == [False]
