"""What a look at a picture tells: once per content, and hardly depending on its size."""

import numpy as np
import pytest
import simplejpeg
from PIL import Image, ImageFilter

from stages import picture_measures
from stages.decode import Limits, decode, decode_reduced
from stages.picture_measures import NAMES, measure, measures_of, reduced
from tests.fakes import batch_of, sample
from tests.stored_pictures import encoded, stored


def scene(width=1024, height=768) -> Image.Image:
    """A smooth picture with detail at several sizes."""
    rng = np.random.default_rng(3)
    layers = [
        Image.fromarray(rng.integers(0, 256, (3 * n, 4 * n, 3)).astype(np.uint8)).resize(
            (1024, 768)
        )
        for n in (2, 8, 32)
    ]
    mixed = np.mean([np.asarray(layer) for layer in layers], axis=0)
    return Image.fromarray(mixed.astype(np.uint8)).resize((width, height))


def named(data: bytes) -> dict[str, float]:
    return dict(zip(NAMES, measure(data).tolist(), strict=True))


@pytest.mark.parametrize(
    ("size", "wanted"),
    [((1024, 768), (512, 384)), ((767, 1000), (767, 1000)), ((1536, 2048), (384, 512))],
)
def test_a_jpeg_is_decoded_at_the_smallest_half_of_a_half_that_is_large_enough(size, wanted):
    found, pixels = decode_reduced(encoded(scene(*size), "JPEG"), Limits(), 384)
    assert (found.width_px, found.height_px) == size
    assert pixels.shape == (wanted[1], wanted[0], 3)


def test_a_reduced_jpeg_looks_like_the_whole_one_and_stands_upright():
    image = scene()
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(image, "JPEG", exif=exif, quality=95)
    found, small = decode_reduced(data, Limits(), 384)
    whole = Image.fromarray(decode(data, Limits())[1]).reduce(2)
    assert (found.width_px, found.height_px) == (768, 1024)
    assert np.abs(small.astype(int) - np.asarray(whole).astype(int)).mean() < 1.5


@pytest.mark.parametrize("format_", ["PNG", "WEBP", "GIF"])
def test_other_formats_come_whole(format_):
    data = encoded(scene(200, 200).convert("RGB"), format_)
    np.testing.assert_array_equal(decode_reduced(data, Limits(), 100)[1], decode(data, Limits())[1])


def test_hostile_bytes_have_a_status_and_no_pixels():
    whole = encoded(scene(), "JPEG")
    for data in (b"", b"GIF89a", whole[:200], whole[: len(whole) // 2]):
        found, pixels = decode_reduced(data, Limits(), 384)
        assert (pixels is None) == (found.status != "ok")
        assert np.isnan(measure(data)).all() == (pixels is None)
    assert decode_reduced(whole, Limits(max_pixels=1000), 384)[1] is None


def test_the_short_side_is_reduced_to_384_pixels_and_never_enlarged():
    assert reduced(np.zeros((768, 1000, 3), np.uint8)).shape == (384, 500, 3)
    assert reduced(np.zeros((5000, 400, 3), np.uint8)).shape == (4800, 384, 3)
    assert reduced(np.zeros((384, 9, 3), np.uint8)).shape == (384, 9, 3)


def test_measures_hardly_depend_on_the_size_and_the_format():
    large = named(encoded(scene(1536, 1152), "BMP"))
    for data in (encoded(scene(), "JPEG", quality=90), encoded(scene(600, 450), "WEBP")):
        found = named(data)
        assert found["blur"] == pytest.approx(large["blur"], abs=0.06)
        assert found["entropy_bits"] == pytest.approx(large["entropy_bits"], abs=0.1)
        assert found["commonest"] == pytest.approx(large["commonest"], abs=0.02)


def test_blur_is_seen_through_the_reduction():
    soft = scene().filter(ImageFilter.GaussianBlur(8))
    assert named(encoded(soft, "JPEG"))["blur"] > named(encoded(scene(), "JPEG"))["blur"] + 0.2


def test_each_content_is_decoded_once_whatever_asks_for_it(tmp_path, monkeypatch):
    decoded = []
    monkeypatch.setattr(
        picture_measures,
        "decode_reduced",
        lambda data, *rest: decoded.append(len(data)) or decode_reduced(data, *rest),
    )
    first, second = encoded(scene(300, 200)), encoded(scene(200, 300))
    batch = stored(tmp_path, first, second, first)
    once, again = measures_of(batch), measures_of(batch.keep_media(np.array([True, False, True])))
    assert decoded == [len(first), len(second)]
    for name in NAMES:
        assert once[name].dtype == np.float32
        assert once[name][0] == once[name][2] == again[name][0] == again[name][1]


def test_what_is_no_stored_picture_has_no_measures():
    rows = [sample("a", media=[{"status": "404"}, {"type": "video", "status": "ok"}, {}])]
    for values in measures_of(batch_of(rows)).values():
        assert np.isnan(values).tolist() == [True] * 3


def test_simplejpeg_gives_a_half_for_sides_of_a_half():
    data = encoded(scene(1023, 767), "JPEG")
    assert simplejpeg.decode_jpeg(data, min_width=512, min_height=384).shape[:2] == (384, 512)
