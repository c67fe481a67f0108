"""EvalImageMatch drops copies of evaluation pictures, and says of which."""

import io
from dataclasses import asdict
from random import Random

import numpy as np
import pytest
from PIL import Image

from filters.eval_image_match import EvalImageMatch
from pipelines.recipe import Step
from pipelines.walk import walk
from stages.errors import NotReadyError
from stages.media import write_pack
from synth.renders.scenes import landscape
from tests.fakes import batch_of, sample


def jpeg(image, quality=90):
    data = io.BytesIO()
    image.convert("RGB").save(data, "JPEG", quality=quality)
    return data.getvalue()


@pytest.fixture(scope="module")
def evals(tmp_path_factory):
    folder = tmp_path_factory.mktemp("evals")
    for seed in (1, 7):
        (folder / f"{seed}.jpg").write_bytes(jpeg(landscape(Random(seed))[0]))
    return str(folder)


@pytest.fixture(scope="module")
def batch(tmp_path_factory):
    """Two pages: a copy and another picture; the same copy, one of one colour, one not fetched."""
    folder = tmp_path_factory.mktemp("media")
    images = {
        "copy": landscape(Random(1))[0].resize((200, 140)),
        "other": landscape(Random(50))[0],
        "flat": Image.new("RGB", (200, 140), "navy"),
    }
    media = {"gone": {"sha256": "0" * 64, "status": "http 404", "uri": "http://m.example/gone"}}
    with write_pack(folder / "0.pack") as pack:
        for name, image in images.items():
            sha256, location = pack.add(jpeg(image, 60))
            place = {"sha256": sha256, "status": "ok", "location": asdict(location)}
            media[name] = {**place, "uri": f"http://m.example/{name}"}
    shown = [["copy", "other"], ["copy", "flat", "gone"]]
    rows = [sample(f"{n + 1}", "t", media=[media[m] for m in each]) for n, each in enumerate(shown)]
    return batch_of(rows, folder)


def test_copies_are_like_an_evaluation_picture_and_others_like_none(evals, batch):
    likeness = EvalImageMatch(evals_path=evals).build()(batch)["likeness"]
    assert likeness.dtype == np.float32
    assert likeness[0] == likeness[2] > 0.75
    assert likeness[1] == 0
    assert np.isnan(likeness[3:]).all(), "not judged"


def test_the_limit_keeps_what_lies_on_it(evals):
    limit = EvalImageMatch(evals_path=evals, max_likeness=0.5).limits()[0]
    assert limit.keeps(np.array([0.5, 0.75, np.nan], np.float32)).tolist() == [True, False, True]


def test_the_ledger_names_the_evaluation_picture(evals, batch):
    step = Step(name="eval_image", operator=EvalImageMatch(evals_path=evals))
    outcome = walk(batch, [step])
    entries = outcome.rejected[0].to_pylist()
    assert [(e["id"].lstrip("0"), e["element"]) for e in entries] == [("1", 0), ("2", 0)]
    assert all(e["reason"].startswith("like eval item 1.jpg (detail 0.") for e in entries)
    assert len(outcome.batch) == 2, "the pages stay"


def test_each_content_is_compared_once(evals, batch, monkeypatch):
    asked = []
    read = type(batch.store).read
    monkeypatch.setattr(
        type(batch.store), "read", lambda self, at: asked.append(at) or read(self, at)
    )
    EvalImageMatch(evals_path=evals).build()(batch)
    assert len(asked) == 3 + 1, "three contents hashed, one looked at again"


def test_without_evaluation_pictures_it_is_told_before_the_run(tmp_path):
    with pytest.raises(NotReadyError, match="no picture in evals_path"):
        EvalImageMatch().check()
    (tmp_path / "a.txt").write_text("a text")
    with pytest.raises(NotReadyError, match="no picture in evals_path"):
        EvalImageMatch(evals_path=str(tmp_path)).check()


def test_an_impossible_radius_is_refused():
    with pytest.raises(ValueError, match="got 17"):
        EvalImageMatch(radius=17)
