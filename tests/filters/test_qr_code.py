"""QrCode."""

import cv2
from PIL import Image

from filters.qr_code import QrCode
from tests.stored_pictures import encoded, kept, stored


def poster(code_px: int) -> bytes:
    """A picture of 600 x 600 with a code of so many pixels in it, 0 for none."""
    image = Image.linear_gradient("L").resize((600, 600)).convert("RGB")
    if code_px:
        drawn = Image.fromarray(cv2.QRCodeEncoder.create().encode("a mill by the stream"))
        image.paste(drawn.resize((code_px, code_px), Image.Resampling.NEAREST), (40, 40))
    return encoded(image)


def test_a_large_code_goes_and_a_small_one_or_none_stays(tmp_path):
    batch = stored(tmp_path, poster(400), poster(180), poster(0))
    assert kept(QrCode(), batch) == [False, True, True]
    scores = QrCode().build()(batch)["qr_share"]
    assert scores[0] > 0.3
    assert 0 < scores[1] < 0.1
    assert scores[2] == 0


def test_a_picture_on_the_bound_is_kept(tmp_path):
    batch = stored(tmp_path, poster(400))
    (found,) = QrCode().build()(batch)["qr_share"].tolist()
    assert kept(QrCode(max_qr_share=found), batch) == [True]
    assert kept(QrCode(max_qr_share=found - 1e-6), batch) == [False]
