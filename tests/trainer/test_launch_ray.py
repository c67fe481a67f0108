"""Trainings on a Ray cluster: the same losses as on one rank, and clear refusals."""

import pytest

from stages.errors import NotReadyError
from stages.media import write_pack
from tests.trainer.shards import medium, picture_file, row, write_shards
from trainer.config import load_config
from trainer.launch_ray import launch_on_ray
from trainer.loop import train
from trainer.metrics import read_lines
from trainer.model import QwenVLModel
from trainer.weights import load_model

CONFIG = load_config(
    "multimodal_pretraining",
    shape="tiny",
    settings=[
        *("steps=2", "pack_tokens=96", "step_packs=2", "log_every=1", "workers=0"),
        *("warmup_steps=0", "held_out_share=0", "evaluate_every=0", "checkpoint_every=1"),
    ],
)
THERE = {"CPU": 2, "GPU": 0}


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    with write_pack(root / "media/0.pack") as pack:
        rows = []
        for number in range(8):
            data = picture_file(56, 56, number)
            shown = [medium(pack, data, width=56, height=56)] if number % 4 == 0 else []
            rows.append(row(f"sample {number}", text=f"What is {number}?", media=shown))
    return write_shards(root, rows)


def losses(out):
    return [line["loss"] for line in read_lines(out) if "loss" in line]


def test_ranks_of_ray_train_as_one_rank_does(ray_here, shards, tmp_path):
    weights = launch_on_ray(CONFIG, str(shards), tmp_path / "ray", ranks=2, there=THERE)
    assert isinstance(load_model(weights), QwenVLModel)
    train(CONFIG, shards, tmp_path / "alone")
    assert losses(tmp_path / "ray") == pytest.approx(losses(tmp_path / "alone"), rel=2e-5)


@pytest.mark.parametrize(
    ("there", "message"),
    [
        (THERE, "3 ranks want a CPU each, the cluster has 2"),
        ({"CPU": 64, "GPU": 1}, "3 ranks want a GPU each, the cluster has 1"),
    ],
)
def test_more_ranks_than_the_cluster_has_room_for_are_refused(there, message, shards, tmp_path):
    with pytest.raises(NotReadyError, match=message):
        launch_on_ray(CONFIG, str(shards), tmp_path, ranks=3, there=there)
