"""Evaluation pictures as embeddings: each content once, the nearest found in blocks."""

import io
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from stages.engines.clip import Clip
from stages.errors import RecordError
from stages.evals import embedded
from stages.evals.embedded import EmbeddedPictures, load_embedded, nearest


def png(*colour):
    data = io.BytesIO()
    Image.new("RGB", (20, 10), colour).save(data, "PNG")
    return data.getvalue()


@pytest.fixture
def colours(monkeypatch):
    """Let CLIP see the mean colour of pictures; return what it was shown."""
    shown = []

    def embed_images(pictures):
        shown.extend(pictures)
        means = np.array([picture.mean(axis=(0, 1)) for picture in pictures], np.float32)
        return means / np.linalg.norm(means, axis=1, keepdims=True)

    loaded = SimpleNamespace(embed_images=embed_images, side_px=8)
    monkeypatch.setattr(Clip, "load", lambda self: loaded)
    load_embedded.cache_clear()
    return shown


def test_each_content_is_embedded_once_and_what_is_no_picture_is_left_out(tmp_path, colours):
    for name, data in {"a": png(9, 0, 0), "b": png(0, 9, 0), "c": png(9, 0, 0), "d": b"x"}.items():
        (tmp_path / f"{name}.png").write_bytes(data)
    found = load_embedded(str(tmp_path), Clip(model="tiny"))
    assert found.names == ("a.png", "b.png")
    assert found.vectors.tolist() == [[1, 0, 0], [0, 1, 0]]
    assert len(colours) == 2


def test_without_pictures_no_model_is_loaded(monkeypatch):
    monkeypatch.setattr(Clip, "load", None)
    assert load_embedded("", Clip(model="tiny", pretrained="none")).names == ()


@given(st.integers(0, 2**16), st.integers(1, 20), st.integers(1, 7))
def test_the_nearest_is_that_of_all(seed, count, block):
    draw = np.random.default_rng(seed)  # of 32nds: their sums of products are exact in any order
    known, vectors = (draw.integers(-9, 10, (n, 5)).astype(np.float32) / 32 for n in (count, 3))
    before, embedded.BLOCK = embedded.BLOCK, block
    try:
        cosine, which = nearest(
            EmbeddedPictures(names=tuple(map(str, range(count))), vectors=known), vectors
        )
    finally:
        embedded.BLOCK = before
    np.testing.assert_array_equal(cosine, (vectors @ known.T).max(axis=1))
    assert which.tolist() == (vectors @ known.T).argmax(axis=1).tolist()


def test_embeddings_of_another_width_are_refused():
    known = EmbeddedPictures(names=("a",), vectors=np.ones((1, 4), np.float32))
    with pytest.raises(RecordError, match="of 3 numbers, those of the evaluation sets have 4"):
        nearest(known, np.ones((1, 3), np.float32))
