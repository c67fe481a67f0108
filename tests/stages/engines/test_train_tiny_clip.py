"""Training the tiny CLIP: what a step sees and learns from, and what the committed model does."""

import io
import json
import math
import re
from random import Random

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from examples.pictures import PICTURES, picture
from stages.engines import tiny_clip_texts as texts
from stages.engines import train_tiny_clip as training
from stages.engines import train_tiny_heads as heads
from stages.engines.aesthetic import AestheticHead
from stages.engines.clip import TINY, TINY_FOLDER, Clip
from stages.engines.figures import roc_auc
from stages.engines.rendered import Rendered, read_rendered, squeezed
from stages.engines.safety import SafetyHead
from stages.engines.tiny_clip_texts import Writer, other_words
from stages.engines.train_tiny_clip import Training, batches, contrast, shifted
from stages.engines.watermark import WatermarkHead
from stages.errors import SourceError
from synth.renders.renders import Renders

NUMBERS = json.loads((TINY_FOLDER / "numbers.json").read_text())


def write_shard(path, **options):
    """Write drawn pictures as a shard has them, with a few of its columns."""
    source = Renders(**options)
    rows = [
        row for u in source.units() for chunk in source.read(u) for row in chunk.rows.to_pylist()
    ]
    columns = {
        "images": [[{"bytes": _bytes(row), "path": "0.png"}] for row in rows],
        "media": [[{"alt": row["media"][0]["alt"]}] for row in rows],
        "tags": [row["tags"] for row in rows],
        "meta": [[{"key": key, "value": value} for key, value in row["meta"]] for row in rows],
    }
    pq.write_table(pa.table(columns), path)
    return str(path)


def _bytes(row):
    import base64

    return base64.b64decode(row["media"][0]["uri"].partition(",")[2])


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Two threads wait for each other longer than one works, where processes share cores."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def shard(tmp_path_factory):
    path = tmp_path_factory.mktemp("shards") / "part-00000.parquet"
    return write_shard(path, samples=32, seed=1, kinds=("caption",), spoilt_share=0.5)


@pytest.fixture(scope="module")
def data(shard):
    return read_rendered([shard], 32)


def test_pictures_are_read_whole_and_square_with_what_is_true_of_them(data, shard):
    assert data.pixels.shape == (32, 32, 32, 3)
    assert data.pixels.dtype == np.uint8
    first = pq.read_table(shard).to_pylist()[0]
    with Image.open(io.BytesIO(first["images"][0]["bytes"])) as image:
        np.testing.assert_array_equal(data.pixels[0], squeezed(np.asarray(image), 32))
    assert data.captions[0] == first["media"][0]["alt"]
    assert set(data.spoilt) > {""}
    assert all(not facts for facts, how in zip(data.facts, data.spoilt, strict=True) if how)


def test_a_shard_without_captions_is_refused_by_name(tmp_path):
    path = tmp_path / "bare.parquet"
    png = io.BytesIO()
    Image.new("RGB", (4, 4)).save(png, "PNG")
    table = {
        "images": [[{"bytes": png.getvalue(), "path": "0.png"}]],
        "media": [[{"alt": None}]],
        "tags": [["x"]],
        "meta": [[{"key": "a", "value": "b"}]],
    }
    table["media"] = pa.array(table["media"], pa.list_(pa.struct({"alt": pa.string()})))
    pq.write_table(pa.table(table), path)
    with pytest.raises(SourceError, match=r"bare\.parquet.*no alternative text"):
        read_rendered([str(path)], 8)


def test_batches_are_seeded_and_every_second_has_four_kinds_of_drawings(data):
    plan = Training(steps=6, batch_size=8)
    found = list(batches(data, plan))
    again = list(batches(data, plan))
    assert [each.tolist() for each in found] == [each.tolist() for each in again]
    for step, at in enumerate(found):
        assert len(set(at.tolist())) == len(at) <= 8
        if step % 2:
            assert len({data.drawings[index] for index in at}) <= 4


@pytest.fixture(scope="module")
def writer(data):
    return Writer(data=data, words=other_words(data))


def test_a_text_is_a_caption_or_a_fact_or_brings_its_own_picture_up(data, writer):
    at = np.arange(len(data))
    found = writer.texts_for(at, Random(0))
    ways = set()
    for index, text in zip(at, found.texts, strict=False):
        named = [name for name in data.names[index] if name in text]
        told = text in data.facts[index]
        ways.add("caption" if text == data.captions[index] else "fact" if told else "name")
        assert text == data.captions[index] or told or named
        assert not data.spoilt[index] or text == data.captions[index]
    assert ways == {"caption", "fact", "name"}


def test_a_text_fits_its_picture_and_sentences_that_fit_none_follow(data, writer):
    at = np.arange(len(data))
    found = writer.texts_for(at, Random(0))
    assert found.fits.shape == (len(at), len(at))
    assert np.diagonal(found.fits).all()
    assert len(found.texts) == len(at) + texts.PASSAGES


def test_other_words_are_said_of_no_picture(data):
    words = other_words(data)
    assert len(words) > 1000
    said = " ".join((*data.captions, *(name for names in data.names for name in names))).lower()
    assert not set(words) & set(re.findall("[a-z]+", said))


def test_words_that_bring_a_thing_up_fit_all_pictures_that_have_it(monkeypatch):
    monkeypatch.setattr(texts, "CAPTIONED", 0)
    monkeypatch.setattr(texts, "TOLD", 0)
    apples = ("apples",), ("an apple", "apples"), ("boats",)
    data = Rendered(
        pixels=np.zeros((3, 4, 4, 3), np.uint8),
        captions=("a", "b", "c"),
        facts=((),) * 3,
        names=apples,
        drawings=("things",) * 3,
        spoilt=("",) * 3,
    )
    found = Writer(data=data, words=["word"]).texts_for(np.arange(3), Random(1))
    assert "apples" in found.texts[0]
    np.testing.assert_array_equal(found.fits[0], [True, True, False])
    np.testing.assert_array_equal(found.fits[2], [False, False, True])


def test_a_shift_keeps_size_and_moves_what_is_inside():
    pixels = np.zeros((20, 16, 16, 3), np.uint8)
    pixels[:, 8, 8] = 255
    moved = shifted(pixels, np.random.default_rng(0))
    assert moved.shape == pixels.shape
    rows, columns = np.nonzero(moved[..., 0])[1:]
    assert len(rows) == 20
    assert rows.min() >= 8 - training.SHIFT_PX
    assert columns.max() <= 8 + training.SHIFT_PX
    assert len(set(zip(rows.tolist(), columns.tolist(), strict=True))) > 5


def test_the_loss_shares_a_text_among_its_pictures_and_asks_a_picture_for_its_own_text():
    import torch

    rng = np.random.default_rng(0)
    images = torch.from_numpy(rng.standard_normal((3, 4))).float()
    texts = torch.from_numpy(rng.standard_normal((4, 4))).float()  # the last goes with no picture
    exp = np.exp((2 * texts @ images.T).double().numpy())
    fits = np.array([[1, 0, 1], [0, 1, 0], [0, 0, 1]], np.bool_)

    shares = exp / exp.sum(axis=1, keepdims=True)
    of_texts = -(np.log(shares[0, [0, 2]]).mean() + np.log(shares[[1, 2], [1, 2]]).sum()) / 3
    own = np.diagonal(exp / exp.sum(axis=0))
    expected = (of_texts - np.log(own).mean()) / 2
    assert contrast(images, texts, 2.0, fits).item() == pytest.approx(expected, rel=1e-5)


def test_the_rate_rises_then_falls_to_nothing():
    plan = Training(steps=1000)
    rates = [plan.rate(step) for step in range(1001)]
    assert rates[0] == pytest.approx(plan.peak_rate / training.WARM_UP_STEPS)
    assert max(rates) <= plan.peak_rate
    peak = int(np.argmax(rates))
    assert abs(peak - training.WARM_UP_STEPS) < 5
    assert sorted(rates[:peak]) == rates[:peak]
    assert sorted(rates[peak:], reverse=True) == rates[peak:]
    assert math.isclose(rates[-1], 0, abs_tol=1e-9)


def test_one_command_trains_a_model_and_its_heads_that_the_engine_opens(shard, tmp_path):
    out, read = tmp_path / "model", ["--read", shard, "--held-out", shard]
    training.main([*read, "--out", str(out), "--steps", "2"])
    heads.main([*read, "--out", str(out), "--model", str(out)])
    clip = Clip(model=str(out), pretrained="").load()
    assert clip.embed_texts(["a red star"]).shape == (1, training.MODEL["embed_dim"])
    numbers = json.loads((out / "numbers.json").read_text())
    assert {"seed", "steps", "held_out", "heads"} <= set(numbers)
    assert set(numbers["heads"]) == {"aesthetic", "safety", "watermark"}


# --- the model that comes along ------------------------------------------------------------------


def test_the_tiny_model_and_its_heads_take_less_than_eight_megabytes():
    assert sum(file.stat().st_size for file in TINY_FOLDER.iterdir()) < 8_000_000


def test_its_numbers_are_those_that_were_asked_for():
    assert NUMBERS["held_out"]["auc"] >= 0.95
    assert NUMBERS["heads"]["aesthetic"]["auc"] >= 0.95
    assert NUMBERS["heads"]["safety"]["auc"] >= 0.95
    assert NUMBERS["heads"]["watermark"]["auc"] >= 0.85


@pytest.fixture(scope="module")
def unseen(tmp_path_factory):
    path = tmp_path_factory.mktemp("unseen") / "part-00000.parquet"
    write_shard(path, samples=90, seed=99, kinds=("caption",), spoilt_share=0.4)
    return read_rendered([str(path)], training.SIDE_PX)


@pytest.fixture(scope="module")
def tiny():
    return Clip(model=TINY).load()


def test_it_tells_matched_from_mismatched_on_drawings_never_seen(tiny, unseen):
    similarity = tiny.embed_images(unseen.pixels) @ tiny.embed_texts(unseen.captions).T
    same = np.equal.outer(np.array(unseen.captions), np.array(unseen.captions))
    assert roc_auc(np.diagonal(similarity), similarity[~same]) > 0.93


def test_it_tells_matched_from_mismatched_on_the_example_site(tiny):
    names = [
        name for name in PICTURES if min(picture(name).image.size) >= 150 and name != "mark.png"
    ]
    images = tiny.embed_images([np.asarray(picture(name).image) for name in names])
    captions = [picture(name).caption for name in names]
    similarity = images @ tiny.embed_texts(captions).T
    same = np.equal.outer(np.array(captions), np.array(captions))
    assert roc_auc(np.diagonal(similarity), similarity[~same]) > 0.93


@pytest.mark.parametrize(
    ("head", "name"),
    [(AestheticHead(), "aesthetic"), (SafetyHead(), "safety"), (WatermarkHead(), "watermark")],
)
def test_its_heads_tell_drawings_apart_that_they_never_saw(head, name, tiny, unseen):
    scores = head.load()(tiny.embed_images(unseen.pixels))
    yes = heads.labels_of(unseen, name)
    assert roc_auc(scores[yes], scores[~yes]) > 0.8
    assert scores.min() >= 0
    assert scores.max() <= (10 if name == "aesthetic" else 1)
