"""Measures of grey and coloured pictures, against slow references and drawn pictures."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFilter

from stages.picture_kernels import blur, commonest_share, edge_share, entropy_bits, text_share

LINES = (
    "The wheel turns slowly in the stream and the",
    "stone grinds the corn all day; at night the",
    "miller shuts the sluice, and sacks of flour",
    "stand by the door until the carter comes for",
    "them in the morning with his two grey horses.",
)


def noise(height=40, width=60, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width)).astype(np.uint8)


def page(lines=LINES, *, pitch_px=18) -> np.ndarray:
    image = Image.new("L", (384, 400), 255)
    draw = ImageDraw.Draw(image)
    for number in range(400 // pitch_px - 2):
        draw.text((20, 20 + pitch_px * number), lines[number % len(lines)], fill=0)
    return np.asarray(image)


def grid() -> np.ndarray:
    pixels = np.full((400, 400), 255, np.uint8)
    pixels[::16] = pixels[:, ::16] = 0
    return pixels


def bars() -> np.ndarray:
    image = Image.new("L", (400, 400), 255)
    draw = ImageDraw.Draw(image)
    for number, height in enumerate((120, 260, 180, 320, 90)):
        draw.rectangle((40 + 64 * number, 360 - height, 80 + 64 * number, 360), fill=90)
        draw.text((50 + 64 * number, 366), f"19{number}0", fill=0)
    return np.asarray(image)


def blur_of_paper(grey):
    """Crete et al. word by word, on every second row: blur by 9, differences, what they lose."""
    wide = grey.astype(float)
    down = np.stack([wide[y - 4 : y + 5].mean(0) for y in range(4, len(wide) - 4)])
    across = np.stack([wide[:, x - 4 : x + 5].mean(1) for x in range(4, wide.shape[1] - 4)], axis=1)
    ways = [
        (np.abs(np.diff(wide[4:-4], axis=0))[::2], np.abs(np.diff(down, axis=0))[::2]),
        (np.abs(np.diff(wide[:, 4:-4], axis=1))[::2], np.abs(np.diff(across, axis=1))[::2]),
    ]
    lost = [np.maximum(0, sharp - soft).sum() / sharp.sum() for sharp, soft in ways]
    return 1 - min(lost)


@pytest.mark.parametrize("shape", [(40, 60), (33, 21), (11, 12)])
def test_blur_is_what_its_paper_says(shape):
    grey = noise(*shape)
    assert blur(grey) == pytest.approx(blur_of_paper(grey), rel=1e-6)


def test_a_picture_is_the_more_blurred_the_wider_it_was_blurred():
    image = Image.fromarray(np.kron(noise(30, 30), np.ones((10, 10), np.uint8)))
    found = [blur(np.asarray(image.filter(ImageFilter.GaussianBlur(r)))) for r in (0, 1, 2, 4, 8)]
    assert found == sorted(found)
    assert found[0] < 0.3
    assert found[-1] > 0.8


def test_blur_along_one_direction_counts():
    shaken = np.stack([noise().astype(float)[:, x : x + 45] for x in range(15)]).mean(0)
    assert blur(shaken.astype(np.uint8)) > 2 * blur(noise())


@pytest.mark.parametrize("grey", [np.full((50, 50), 7, np.uint8), noise(9, 9)])
def test_what_has_no_differences_to_look_at_is_not_blurred_and_not_sharp(grey):
    assert np.isnan(blur(grey))


def test_entropy_counts_grey_levels():
    levels = np.repeat(np.arange(16, dtype=np.uint8), 32).reshape(32, 16)
    assert entropy_bits(levels) == pytest.approx(4)
    assert entropy_bits(np.full((10, 10), 9, np.uint8)) == 0
    assert entropy_bits(np.array([[0, 0, 255, 255]], np.uint8)) == 1


def test_the_commonest_colour_is_told_by_four_bits_of_each_channel():
    pixels = np.zeros((8, 8, 3), np.uint8)
    pixels[:, 4:] = (0, 15, 0)  # the same, by its upper bits
    assert commonest_share(pixels) == 1
    pixels[:, 4:] = (0, 16, 0)
    assert commonest_share(pixels) == 0.5


def test_edges_are_steps_of_32_levels_between_neighbours():
    pixels = np.zeros((4, 5), np.uint8)
    pixels[:, 2:] = 31
    assert edge_share(pixels) == 0
    pixels[:, 2:] = 32
    assert edge_share(pixels) == 0.25
    assert edge_share(pixels[:, :1]) == 0


def test_pages_are_text_and_grids_charts_and_noise_are_not():
    assert text_share(page()) > 0.8
    assert text_share(255 - page()) > 0.8
    assert max(text_share(grid()), text_share(bars()), text_share(noise(400, 400))) < 0.2


def test_a_picture_without_edges_or_narrower_than_a_band_holds_no_text():
    assert text_share(np.full((100, 100), 255, np.uint8)) == 0
    assert text_share(page()[:, :31]) == 0


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 70), st.integers(1, 70), st.integers(0, 5))
def test_every_picture_has_measures_in_their_ranges(height, width, seed):
    grey = noise(height, width, seed)
    assert 0 <= text_share(grey) <= 1
    assert 0 <= edge_share(grey) <= 1
    assert 0 <= entropy_bits(grey) <= 8
    assert 0 < commonest_share(np.stack([grey] * 3, axis=2)) <= 1
    assert np.isnan(blur(grey)) or 0 <= blur(grey) <= 1
