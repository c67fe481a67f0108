"""Evaluation pictures are found by hash, upright and mirrored, and verified in detail."""

import io
from random import Random

import numpy as np
import pytest
from PIL import Image, ImageOps

from stages.errors import NotReadyError
from stages.evals import picture_index
from stages.evals.picture_index import best_match, grey_of, load_picture_index
from stages.perceptual_hash import hash_of
from synth.renders.charts import DAYS, bars
from synth.renders.scenes import landscape


def encoded(image, kind="PNG"):
    data = io.BytesIO()
    image.convert("RGB").save(data, kind)
    return data.getvalue()


def chart(*values):
    return bars(Random(7), title="Visitors", names=DAYS[: len(values)], values=values)[0]


@pytest.fixture(scope="module")
def pictures():
    return {
        "hill.png": landscape(Random(1))[0],
        "coast.png": landscape(Random(7))[0],
        "chart.png": chart(30, 90, 60, 45, 80),
    }


@pytest.fixture(scope="module")
def index(pictures, tmp_path_factory):
    folder = tmp_path_factory.mktemp("evals")
    for name, image in pictures.items():
        (folder / name).write_bytes(encoded(image))
    (folder / "flat.png").write_bytes(encoded(Image.new("RGB", (90, 90), "navy")))
    (folder / "broken.png").write_bytes(b"no picture")
    return load_picture_index(str(folder))


def match(index, image, radius=10):
    data = encoded(image, "JPEG")
    return best_match(index, hash_of(grey_of(data)), lambda: data, radius)


def test_pictures_without_a_hash_are_not_in_the_index(index, pictures):
    assert index.names == tuple(sorted(pictures))
    assert index.hashes.shape == (2, 3)


def test_a_copy_is_found_upright_and_mirrored(index, pictures):
    small = pictures["hill.png"].resize((210, 150))
    for copy in (small, ImageOps.mirror(small.convert("RGB"))):
        found = match(index, copy)
        assert found.name == "hill.png"
        assert found.distance_bits <= 6
        assert found.likeness > 0.75


def test_another_picture_has_no_match(index):
    assert match(index, landscape(Random(50))[0]) is None


def test_a_chart_with_other_numbers_is_near_by_hash_and_not_alike(index):
    found = match(index, chart(36, 90, 52, 50, 72))
    assert found.name == "chart.png"
    assert found.likeness < 0.75


def test_the_bytes_are_not_asked_for_unless_a_hash_is_near(index):
    def read():
        raise AssertionError("asked for")

    far = int(~index.hashes[0, 0])
    assert best_match(index, far, read, 0) is None


def test_an_evaluation_picture_that_is_gone_is_no_match(tmp_path, pictures):
    (tmp_path / "hill.png").write_bytes(encoded(pictures["hill.png"]))
    index = load_picture_index(str(tmp_path))
    (tmp_path / "hill.png").unlink()
    assert match(index, pictures["hill.png"]) is None


def test_no_sets_give_an_index_that_matches_nothing(pictures):
    index = load_picture_index("")
    assert index.names == ()
    assert match(index, pictures["hill.png"]) is None
    assert index.hashes.dtype == np.uint64


def test_too_many_pictures_are_refused_with_a_remedy(tmp_path, pictures, monkeypatch):
    (tmp_path / "hill.png").write_bytes(encoded(pictures["hill.png"]))
    monkeypatch.setattr(picture_index, "MAX_PICTURES", 0)
    with pytest.raises(NotReadyError, match="name fewer sets"):
        load_picture_index(str(tmp_path))
