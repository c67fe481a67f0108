"""TextScreenshot."""

import io

from PIL import Image, ImageDraw

from filters.text_screenshot import TextScreenshot
from tests.stored_pictures import encoded, kept, stored

PROSE = "The wheel turns slowly in the stream and the stone grinds the corn all day long."


def page(scale: int = 1) -> bytes:
    image = Image.new("RGB", (520, 420), "ivory")
    draw = ImageDraw.Draw(image)
    for line in range(20):
        draw.text((20, 20 + 19 * line), PROSE, fill="black")
    return encoded(image.resize((520 * scale, 420 * scale)))


def chart() -> bytes:
    image = Image.new("RGB", (520, 420), "white")
    draw = ImageDraw.Draw(image)
    draw.text((150, 10), "Flour by month, in bags", fill="black")
    for bar, height in enumerate((120, 260, 180, 320, 90)):
        draw.rectangle((60 + 90 * bar, 390 - height, 110 + 90 * bar, 390), fill="steelblue")
        draw.text((70 + 90 * bar, 395), f"{bar + 1}/26", fill="black")
    return encoded(image)


def test_pages_go_at_any_size_and_charts_stay(tmp_path):
    batch = stored(tmp_path, page(), page(2), page(3), chart())
    assert kept(TextScreenshot(), batch) == [False, False, False, True]


def test_the_same_text_beside_a_drawing_is_less_of_the_picture(tmp_path):
    image = Image.open(io.BytesIO(page()))
    image.paste(Image.open(io.BytesIO(chart())).resize((520, 210)), (0, 210))
    batch = stored(tmp_path, page(), encoded(image), chart())
    whole, half, none = TextScreenshot().build()(batch)["text_share"].tolist()
    assert whole > half > none


def test_a_picture_on_the_bound_is_kept(tmp_path):
    batch = stored(tmp_path, page())
    (found,) = TextScreenshot().build()(batch)["text_share"].tolist()
    assert kept(TextScreenshot(max_text_share=found), batch) == [True]
    assert kept(TextScreenshot(max_text_share=found - 1e-6), batch) == [False]
