"""What pictures of known content show, and that it is written where filters read it."""

import dataclasses
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from stages.measure_density import MeasureDensity, information
from stages.media import write_pack
from stages.media_scores import media_scores
from tests.fakes import batch_of, sample

NAMES = ("entropy", "edges", "text", "information")


def _file(image, form="PNG"):
    out = io.BytesIO()
    image.save(out, form)
    return out.getvalue()


def _scenery(form="PNG"):
    """Grey levels and detail at every scale, as a photograph has them."""
    rng, total = np.random.default_rng(0), np.zeros((512, 640))
    for scale in (4, 16, 64, 256):
        noise = Image.fromarray(rng.normal(size=(512 * scale // 512 + 2, 640 * scale // 512 + 2)))
        total += np.asarray(noise.resize((640, 512), Image.Resampling.BICUBIC))
    grey = 128 + 50 * (total - total.mean()) / total.std()
    return _file(Image.fromarray(grey.clip(0, 255).astype(np.uint8)), form)


def _print():
    page = Image.new("L", (400, 400), 255)
    for y in range(6, 400, 14):
        ImageDraw.Draw(page).text(
            (6, y), "the wheel turns and the stone grinds all day long " * 2, 0
        )
    return _file(page)


def _drawing():
    page = Image.new("L", (400, 400), 255)
    ImageDraw.Draw(page).ellipse((60, 60, 200, 200), fill=90)
    return _file(page)


def _slope():
    return _file(Image.fromarray(np.tile(np.linspace(0, 255, 400).astype(np.uint8), (400, 1))))


@pytest.fixture
def measured(tmp_path):
    """Measure encoded pictures: float32[M] by name."""

    def measure(*files):
        with write_pack(tmp_path / "0.pack") as pack:
            media = []
            for data in files:
                sha256, place = pack.add(data)
                where = dataclasses.asdict(place)
                media.append({"sha256": sha256, "status": "ok", "location": where})
        rows = [sample("a", "x", media=media[:1]), sample("b", media=media[1:])]
        found = MeasureDensity().build()(batch_of(rows, tmp_path)).media()
        return {name: media_scores(found, f"density.{name}") for name in NAMES}

    return measure


def test_pictures_are_ordered_by_what_they_show(measured):
    empty = _file(Image.new("L", (300, 300), 200))
    found = measured(empty, _slope(), _drawing(), _scenery())["information"]
    assert found[0] == found[1] == 0
    assert 0 < found[2] < 0.5 < found[3] <= 1


def test_a_screenshot_of_text_shows_less_than_its_edges_say(measured):
    found = measured(_print())
    assert found["edges"] > 0.05
    assert found["text"] > 0.3
    assert found["information"] < 0.4


def test_the_numbers_stand_in_the_order_of_the_media_and_equal_pictures_have_equal_ones(measured):
    found = measured(_scenery(), _drawing(), _scenery(), _scenery("JPEG"))
    assert found["entropy"][0] == found["entropy"][2] != found["entropy"][1]
    assert found["information"][3] == pytest.approx(found["information"][0], rel=0.2)
    wanted = information(found["entropy"], found["edges"], found["text"])
    np.testing.assert_array_equal(found["information"], wanted)


def test_what_is_no_picture_and_what_was_never_fetched_is_not_measured(measured):
    assert np.isnan(measured(b"not a picture")["information"]).all()
    batch = batch_of([sample("a", media=[{"status": None}])])
    media = MeasureDensity().build()(batch).media()
    assert np.isnan(media_scores(media, "density.information")).all()


shares = st.floats(0, 1, width=32)


@given(st.floats(0, 8, width=32), shares, shares)
def test_information_lies_in_its_range_and_falls_with_text(entropy, edges, text):
    with_text, without = (
        information(*(np.array([each], np.float32) for each in (entropy, edges, share)))[0]
        for share in (text, 0)
    )
    assert 0 <= with_text <= without <= 1


def test_information_is_full_for_a_photograph_and_halves_with_a_quarter_of_a_measure():
    entropy = np.array([7, 8, 1.75, 7, np.nan], np.float32)
    edges = np.array([0.05, 0.5, 0.05, 0.0125, 0.05], np.float32)
    found = information(entropy, edges, np.zeros(5, np.float32))
    np.testing.assert_allclose(found, [1, 1, 0.5, 0.5, np.nan], rtol=1e-6)
