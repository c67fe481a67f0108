"""The recipe of drawn pictures, in the runner: shards of all kinds with their pictures inside."""

import io
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from PIL import Image
from rich.console import Console

from pipelines.folder import RunFolder
from pipelines.mill import mill
from pipelines.progress import Display
from pipelines.recipe import load_recipe
from tests.in_process import InProcess

RECIPE = Path(__file__).resolve().parents[2] / "pipelines/recipes/renders.yaml"
SAMPLES = 32


@pytest.fixture(scope="module")
def shard(tmp_path_factory):
    recipe = load_recipe(RECIPE, settings=[f"source.samples={SAMPLES}"], tiny=True)
    folder = RunFolder(root=tmp_path_factory.mktemp("renders"))
    mill(recipe, folder, InProcess(), Display(console=Console(file=io.StringIO())))
    return pq.read_table(folder.shards / "part-00000.parquet")


def test_every_sample_is_kept_in_its_kind(shard):
    kinds = ["caption", "qa", "grounding", "caption"]  # the last of them texts around pictures
    assert shard.column("kind").to_pylist() == kinds * (SAMPLES // 4)


def test_the_picture_lies_in_the_shard_and_its_address_is_its_digest(shard):
    for row in shard.select(["images", "media"]).to_pylist():
        (image,), (medium,) = row["images"], row["media"]
        assert medium["uri"] == f"data:{medium['mime']};sha256={medium['sha256']}"
        with Image.open(io.BytesIO(image["bytes"])) as picture:
            assert picture.size == (medium["width_px"], medium["height_px"])


def test_only_answers_are_labels(shard):
    tokens, labels = (shard.column(name).to_pylist() for name in ("n_tokens", "n_label_tokens"))
    assert all(0 < some < every / 2 for some, every in zip(labels, tokens, strict=True))
