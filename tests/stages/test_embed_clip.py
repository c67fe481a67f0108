"""Embeddings and measurements of documents, with a model of known geometry."""

import dataclasses
import io
from dataclasses import dataclass, field

import numpy as np
import pytest
from PIL import Image

from filters.clip_relevance import ClipRelevance
from filters.complementarity import Complementarity
from pipelines.recipe import Step
from pipelines.walk import walk
from stages import embed_clip
from stages.embed_clip import EmbedClip
from stages.embeddings import media_embeddings
from stages.media import write_pack
from stages.media_scores import media_scores
from stages.picture_context import context_of
from stages.record import document, media_part, text_part
from stages.relations import UNSHOWN
from tests.fakes import batch_of, ids_of

WORDS = ("red", "green", "blue")


@dataclass(frozen=True)
class ColourClip:
    """Pictures by their mean colour, texts by the colours that they name: one axis for each."""

    dim: int = 4
    side_px: int = 8
    workers: int = 2
    calls: list = field(default_factory=list, compare=False)

    def check(self):
        pass

    def load(self):
        return self

    def embed_images(self, pictures):
        assert all(min(each.shape[:2]) < 4 * self.side_px for each in pictures)
        self.calls.append(("images", len(pictures)))
        means = [np.append(each.reshape(-1, 3).mean(axis=0) / 255, 0.0) for each in pictures]
        return _units(means)

    def embed_texts(self, texts):
        self.calls.append(("texts", len(texts)))
        return _units(
            [[*(word in text for word in WORDS), not _names_colour(text)] for text in texts]
        )


def _names_colour(text):
    return any(word in text for word in WORDS)


def _units(rows):
    vectors = np.array(rows, np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def _png(colour, size=(20, 10)):
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, "PNG")
    return out.getvalue()


RED, GREEN, BLUE = (_png(colour) for colour in ((255, 0, 0), (0, 255, 0), (0, 0, 255)))
YELLOW = _png((255, 255, 0))


@pytest.fixture
def make(tmp_path):
    """Batches of documents, each a list of texts and encoded pictures."""

    def batch(*documents):
        rows = []
        with write_pack(tmp_path / "0.pack") as pack:
            for number, pieces in enumerate(documents):
                media, parts = [], []
                for piece in pieces:
                    if isinstance(piece, str):
                        parts.append(text_part(piece))
                        continue
                    sha256, place = pack.add(piece)
                    media.append(
                        {
                            "type": "image",
                            "status": "ok",
                            "sha256": sha256,
                            "location": dataclasses.asdict(place),
                        }
                    )
                    parts.append(media_part(len(media) - 1))
                id_ = f"{number:032x}"
                rows.append({"id": id_, "messages": document(parts), "media": media})
        return batch_of(rows, tmp_path)

    return batch


def _embed(batch, **options):
    model = ColourClip()
    return EmbedClip(clip=model, **options).build()(batch), model


def test_pictures_are_measured_against_the_sentences_of_their_own_document(make):
    made, _ = _embed(make(["A red door. It creaks.", RED], [BLUE, "The green hill."]))
    media = made.media()
    np.testing.assert_allclose(media_scores(media, "clip.best"), [1, 0], atol=1e-6)
    np.testing.assert_allclose(media_scores(media, "clip.near"), [0.5 / 1.5, 0], atol=1e-6)
    np.testing.assert_allclose(media_scores(media, "clip.document"), [0.5**0.5, 0], atol=1e-6)
    np.testing.assert_allclose(media_scores(media, "clip.residual"), [0, 1], atol=1e-6)
    np.testing.assert_allclose(media_scores(media, "clip.assigned"), [1, 0], atol=1e-6)
    vectors = media_embeddings(made.table, "clip")
    np.testing.assert_array_equal(vectors, np.array([[1, 0, 0, 0], [0, 0, 1, 0]], np.float32))


def test_a_sentence_is_assigned_to_one_picture(make):
    made, _ = _embed(make([YELLOW, "A red door.", RED, "A green hill."]))
    found = media_scores(made.media(), "clip.assigned")
    np.testing.assert_allclose(found, [0.5**0.5, 1], rtol=1e-6)


def test_a_batch_takes_one_call_for_its_pictures_and_one_for_its_sentences(make):
    text = "A red door. A red door. It creaks."
    _, model = _embed(make([text, RED, BLUE], [text, RED], ["Nothing is shown here."]))
    assert model.calls == [("images", 2), ("texts", 2)]


def test_many_pictures_are_given_to_the_model_in_portions(make, monkeypatch):
    monkeypatch.setattr(embed_clip, "PORTION", 2)
    made, model = _embed(make(["red", RED, BLUE, GREEN]))
    assert model.calls == [("images", 2), ("images", 1), ("texts", 1)]
    found = media_scores(made.media(), "clip.best")
    np.testing.assert_allclose(found, [1, 0, 0], atol=1e-6)


def test_a_large_picture_is_made_smaller_before_it_is_held(make):
    large = _png((255, 0, 0), size=(400, 3000))
    made, _ = _embed(make(["A red door.", large]))
    assert media_scores(made.media(), "clip.best").tolist() == [1.0]


def test_a_picture_that_cannot_be_decoded_is_not_measured_and_costs_no_row(make):
    batch = make(["A red door.", b"no picture", RED])
    made, _ = _embed(batch)
    assert np.isnan(media_scores(made.media(), "clip.best")).tolist() == [True, False]
    assert np.isnan(media_embeddings(made.table, "clip")).all(axis=1).tolist() == [True, False]
    step = Step(name="embed", operator=EmbedClip(clip=ColourClip()))
    assert walk(batch, [step]).quarantined == ()


def test_a_picture_without_any_sentence_has_an_embedding_and_no_measurements(make):
    made, model = _embed(make([RED, "12 | 13"]))
    assert np.isnan(media_scores(made.media(), "clip.best")).all()
    assert not np.isnan(media_embeddings(made.table, "clip")).any()
    assert model.calls == [("images", 1)]


def test_a_picture_that_no_part_shows_is_near_to_nothing(make):
    batch = make(["A red door.", RED])
    table = batch.keep_media(np.array([True])).table
    hidden = batch_of(
        [{**table.to_pylist()[0], "messages": document([text_part("red")])}], batch.store.root
    )
    made, _ = _embed(hidden)
    assert media_scores(made.media(), "clip.best").tolist() == [1.0]
    assert np.isnan(media_scores(made.media(), "clip.near")).all()


def test_of_a_long_document_the_sentences_nearest_to_pictures_are_looked_at(make):
    batch = make(["One. Two. Three.", RED, "Four. Five.", BLUE, "Six. Seven."])
    shown = np.array([0, 1])
    context = context_of(batch, shown, max_sentences=4, max_words=40)
    assert context.sentences.text.to_pylist() == ["Three.", "Four.", "Five.", "Six."]
    assert context.before.tolist() == [3, 5]
    (around,) = context.documents()
    assert around.distance.tolist() == [[0, 0, 1, 2], [2, 1, 0, 0]]


def test_the_context_of_a_picture_that_is_shown_twice_is_that_of_its_first_place(make):
    batch = make(["One.", RED, "Two. Three."])
    row = batch.table.to_pylist()[0]
    row["messages"][0]["parts"].append(media_part(0))
    again = batch_of([row, {**row, "messages": document([text_part("One.")])}], batch.store.root)
    context = context_of(again, np.array([0, 1]), max_sentences=9, max_words=40)
    assert context.before.tolist() == [1, UNSHOWN]
    assert [each.distance.tolist() for each in context.documents()] == [[[0, 0, 1]], [[UNSHOWN]]]


def test_measuring_again_replaces_what_was_measured(make):
    once, _ = _embed(make(["A red door.", RED]))
    twice, _ = _embed(once)
    assert twice.table.column_names == once.table.column_names
    assert media_scores(twice.media(), "clip.best").tolist() == [1.0]


def test_documents_do_not_hang_on_what_else_is_in_the_batch(make):
    documents = [["A red door.", RED, "A hill."], ["Blue.", BLUE], ["green", GREEN, YELLOW]]
    batch = make(*documents)
    together, _ = _embed(batch)
    for number in range(3):
        alone, _ = _embed(batch.keep_rows(np.arange(3) == number))
        kept = together.keep_rows(np.arange(3) == number)
        assert alone.table.equals(kept.table), ids_of(alone)


@pytest.mark.parametrize("name", ["neighbours", "max_sentences", "max_words"])
def test_options_count_at_least_one(name):
    with pytest.raises(ValueError, match=f"{name} must be at least 1, got 0"):
        EmbedClip(**{name: 0})


def test_the_criteria_order_documents_of_planted_geometry(make):
    mostly_blue = _png((64, 0, 255))
    kinds = ("redundant", "complementary", "decorative", "wrong")
    documents = [
        [YELLOW, "A red door. A green hill."],
        [YELLOW, "A red door. It creaks."],
        [mostly_blue, "A red door. It creaks."],
        [BLUE, "A red door. It creaks."],
    ]
    made, _ = _embed(make(*documents))
    found = {}
    for filter_ in (
        ClipRelevance(over="sample", measure="best"),
        Complementarity(over="sample", stray_cosine=0.1, told_cosine=0.9),
    ):
        for name, scores in filter_.build()(made).items():
            found[name] = dict(zip(kinds, scores.tolist(), strict=True))
    relevance, added = found["relevance"], found["complementarity"]
    assert relevance["redundant"] == pytest.approx(relevance["complementary"])
    assert relevance["complementary"] > relevance["decorative"] > relevance["wrong"]
    assert added["complementary"] > added["decorative"] > added["wrong"]
    assert added["complementary"] > added["redundant"]
