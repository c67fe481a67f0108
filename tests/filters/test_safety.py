"""Safety."""

import hashlib
import io

import numpy as np
import pytest
from PIL import Image

from filters.safety import Safety
from stages.decode import Limits
from stages.embeddings import with_embeddings
from stages.engines.safety import SafetyHead
from stages.errors import MissingWeightsError, NotReadyError
from stages.perceptual_hash import perceptual_hash
from tests.embedded import embedded, head
from tests.stored_pictures import encoded, kept, stored


@pytest.fixture(autouse=True)
def reads_off(monkeypatch):
    """Let the head give what the first coordinate of an embedding says."""
    monkeypatch.setattr(SafetyHead, "load", lambda self: head())


def drawing(seed: int) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (6, 6, 3)).astype(np.uint8)
    return Image.fromarray(pixels).resize((240, 240))


@pytest.fixture
def pictures(tmp_path):
    """Three stored pictures without embeddings: a drawing, a copy half its size, another."""
    small = io.BytesIO()
    drawing(1).resize((120, 120)).save(small, "JPEG", quality=80)
    batch = stored(tmp_path, encoded(drawing(1)), small.getvalue(), encoded(drawing(2)))
    return batch.with_table(with_embeddings(batch.table, "clip", {}))


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({}, [True, True, True, False]),
        ({"policy": "strict"}, [True, False, False, False]),
        ({"policy": "lenient"}, [True, True, True, True]),
        ({"policy": "own", "max_probability": 0.5}, [True, True, False, False]),
    ],
)
def test_each_policy_has_its_bound(options, wanted):
    assert kept(Safety(**options), embedded([0.0625, 0.5, 0.75, 0.9375])) == wanted


def test_a_picture_without_an_embedding_is_not_judged():
    assert kept(Safety(policy="own", max_probability=0), embedded([None, 0.5])) == [True, False]


def test_one_unsafe_picture_costs_the_document_where_documents_are_judged():
    batch = embedded([0.25, 0.9375], [0.25, None], [], [None])
    scores = Safety(over="sample").build()(batch)
    np.testing.assert_array_equal(scores["unsafe"], np.float32([0.9375, 0.25, np.nan, np.nan]))
    assert kept(Safety(over="sample"), batch) == [False, True, True, True]


def test_known_files_go_by_their_sha256(pictures, tmp_path):
    (tmp_path / "known").write_text(hashlib.sha256(encoded(drawing(2))).hexdigest().upper())
    safety = Safety(known_path=str(tmp_path / "known"), policy="lenient")
    assert kept(safety, pictures) == [True, True, False]


def test_known_pictures_go_with_their_copies_within_the_radius(pictures, tmp_path):
    near = perceptual_hash(encoded(drawing(1)), Limits())
    (tmp_path / "known").write_text(f"{near:016x}\n{near ^ 1:016x}\n")
    assert kept(Safety(known_path=str(tmp_path / "known")), pictures) == [False, False, True]
    (tmp_path / "known").write_text(f"{near ^ 0b11111 << 1:016x}\n")
    five_away = Safety(known_path=str(tmp_path / "known"), radius=5)
    assert kept(five_away, pictures)[0] is False
    assert kept(Safety(known_path=str(tmp_path / "known"), radius=4), pictures)[0] is True


def test_a_line_that_is_no_hash_is_named(tmp_path):
    (tmp_path / "known").write_text("ab" * 32 + "\nabc\n")
    with pytest.raises(NotReadyError, match=r"entry 2 of .*known' is 'abc'; write 64 hex"):
        Safety(known_path=str(tmp_path / "known")).build()


def test_missing_weights_are_named():
    with pytest.raises(MissingWeightsError, match=r"none\.zip"):
        Safety(head=SafetyHead(weights="none.zip")).check()


@pytest.mark.parametrize(
    ("options", "told"),
    [({"policy": "loose"}, "policy is 'loose'"), ({"radius": 11}, r"radius must lie in \[0, 10\]")],
)
def test_options_are_checked(options, told):
    with pytest.raises(ValueError, match=told):
        Safety(**options)
