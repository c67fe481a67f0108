import dataclasses
import io

import numpy as np
from PIL import Image

from stages.decode import Limits, decode_grey
from stages.measure_density import MeasureDensity
from stages.media import write_pack
from stages.media_scores import media_scores
from stages.picture_information import SIDE_PX, picture_information
from tests.fakes import batch_of, sample


def _file(image, form):
    out = io.BytesIO()
    image.save(out, form)
    return out.getvalue()


def _batch(folder, *files):
    with write_pack(folder / "0.pack") as pack:
        media = []
        for data in files:
            sha256, place = pack.add(data)
            media.append({"sha256": sha256, "status": "ok", "location": dataclasses.asdict(place)})
    return batch_of([sample("a", "x", media=media[:2]), sample("b", media=media[2:])], folder)


def test_pictures_are_measured_as_their_pixels_say_and_others_are_not(tmp_path):
    picture = Image.effect_mandelbrot((640, 480), (-2, -1.5, 1, 1.5), 50)
    jpeg, png = _file(picture, "JPEG"), _file(picture, "PNG")
    batch = _batch(tmp_path, jpeg, b"not a picture", png, png)
    media = MeasureDensity().build()(batch).media()
    measured = [
        picture_information(decode_grey(each, Limits(), SIDE_PX)[1]) for each in (jpeg, png)
    ]
    for name in ("entropy", "detail", "text"):
        first, second = (np.float32(getattr(each, name)) for each in measured)
        expected = np.array([first, np.nan, second, second])
        np.testing.assert_array_equal(media_scores(media, f"density.{name}"), expected)
    shares = media_scores(media, "density.information")
    assert shares[0] == np.float32(measured[0].share)
    assert np.isnan(shares[1])


def test_a_picture_that_was_never_fetched_is_not_measured():
    media = MeasureDensity().build()(batch_of([sample("a", media=[{"status": None}])])).media()
    assert np.isnan(media_scores(media, "density.information")).all()
