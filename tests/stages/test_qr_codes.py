"""QR codes in pictures: drawn upright and turned, large and small, and what is none."""

import cv2
import numpy as np
import pytest

from stages.qr_codes import qr_share


def code(text: str, side_px: int) -> np.ndarray:
    drawn = cv2.QRCodeEncoder.create().encode(text)
    return cv2.resize(drawn, (side_px, side_px), interpolation=cv2.INTER_NEAREST)


def on_ground(pixels: np.ndarray, size=(384, 512), at=(60, 80)) -> np.ndarray:
    ground = np.tile(np.linspace(120, 220, size[1]).astype(np.uint8), (size[0], 1))
    ground[at[0] : at[0] + len(pixels), at[1] : at[1] + pixels.shape[1]] = pixels
    return ground


@pytest.mark.parametrize(("chars", "modules"), [(10, 25), (100, 41), (200, 57)])
def test_a_code_covers_its_area_without_the_quiet_ground_around_it(chars, modules):
    drawn = code("x" * chars, modules * 4)
    dark = np.argwhere(drawn < 128)
    wanted = np.prod(np.ptp(dark, axis=0) + 1) / (384 * 512)
    assert qr_share(on_ground(drawn)) == pytest.approx(wanted, rel=0.03)


def test_a_turned_code_is_found():
    turn = cv2.getRotationMatrix2D((256, 192), 20, 1)
    turned = cv2.warpAffine(on_ground(code("quern", 200)), turn, (512, 384), borderValue=170)
    assert qr_share(turned) == pytest.approx(qr_share(on_ground(code("quern", 200))), rel=0.05)


def test_two_eyes_are_no_code():
    drawn = code("quern", 200)
    drawn[:100, :100] = 255
    assert qr_share(on_ground(drawn)) == 0


@pytest.mark.parametrize(
    "grey",
    [
        np.full((384, 512), 255, np.uint8),
        np.random.default_rng(0).integers(0, 256, (384, 512)).astype(np.uint8),
        np.kron(np.indices((48, 64)).sum(0) % 2 * 255, np.ones((8, 8))).astype(np.uint8),
        np.zeros((1, 1), np.uint8),
        np.zeros((3, 500), np.uint8),
    ],
)
def test_ground_noise_chequers_and_slivers_hold_none(grey):
    assert qr_share(grey) == 0
