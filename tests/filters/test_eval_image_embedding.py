"""EvalImageEmbedding drops pictures whose embedding is nearly that of an evaluation picture."""

import numpy as np
import pytest

from filters import eval_image_embedding
from filters.eval_image_embedding import EvalImageEmbedding
from pipelines.recipe import Step
from pipelines.walk import walk
from stages.embeddings import with_embeddings
from stages.engines.clip import Clip
from stages.errors import MissingWeightsError, NotReadyError
from stages.evals.embedded import EmbeddedPictures
from tests.fakes import batch_of, sample

KNOWN = EmbeddedPictures(names=("a.png", "b.png"), vectors=np.eye(2, 4, dtype=np.float32))
VECTORS = {
    "copy": [0.0, 1.0, 0.0, 0.0],
    "near": [0.75, 0.0, 0.6614, 0.0],
    "other": [0.0, 0.0, 0.0, 1.0],
}


@pytest.fixture
def batch(monkeypatch):
    monkeypatch.setattr(eval_image_embedding, "load_embedded", lambda path, clip: KNOWN)
    rows = [sample("1", "t", media=["copy", "near"]), sample("2", "t", media=["other", "unseen"])]
    batch = batch_of(rows)
    known = {name: np.array(vector, np.float32) for name, vector in VECTORS.items()}
    return batch.with_table(with_embeddings(batch.table, "clip", known))


def test_the_score_is_the_cosine_with_the_nearest_evaluation_picture(batch):
    cosine = EvalImageEmbedding(evals_path="x").build()(batch)["cosine"]
    assert cosine.dtype == np.float32
    assert cosine[:3].tolist() == [1, 0.75, 0]
    assert np.isnan(cosine[3]), "without embedding it is not judged"


def test_the_ledger_names_the_evaluation_picture(batch):
    step = Step(name="eval", operator=EvalImageEmbedding(evals_path="x", max_cosine=0.75))
    outcome = walk(batch, [step])
    (entry,) = outcome.rejected[0].to_pylist()
    assert entry["reason"] == "like eval item b.png (cosine 1.000)"
    assert (entry["element"], entry["score"], entry["threshold"]) == (0, 1, 0.75)
    assert len(outcome.batch.media()) == 3, "0.75 is kept"


def test_without_sets_nothing_is_judged_and_no_model_loaded(monkeypatch):
    monkeypatch.setattr(Clip, "load", None)
    rows = batch_of([sample("1", "t", media=["copy"])])
    known = {"copy": np.ones(4, np.float32)}
    batch = rows.with_table(with_embeddings(rows.table, "clip", known))
    assert np.isnan(EvalImageEmbedding().build()(batch)["cosine"]).all()


def test_what_is_missing_is_told_before_the_run(tmp_path):
    with pytest.raises(NotReadyError, match="no picture in evals_path ''"):
        EvalImageEmbedding().check()
    (tmp_path / "a.png").write_bytes(b"a picture")
    clip = Clip(model=str(tmp_path))
    with pytest.raises(MissingWeightsError, match=r"open_clip_config\.json"):
        EvalImageEmbedding(evals_path=str(tmp_path), clip=clip).check()
