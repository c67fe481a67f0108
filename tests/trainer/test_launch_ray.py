"""Trainings on a Ray cluster: the same losses as on one rank, and clear refusals."""

import shutil
from dataclasses import replace

import pytest

from stages.errors import NotReadyError
from tests.trainer.shards import write_questions
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
    return write_questions(tmp_path_factory.mktemp("data"), 8, shown_every=4)


def losses(out):
    return [line["loss"] for line in read_lines(out) if "loss" in line]


def test_ranks_of_ray_train_as_one_rank_does_and_go_on_where_it_was(ray_here, shards, tmp_path):
    train(CONFIG, shards, tmp_path)
    alone = losses(tmp_path)
    for _ in range(2):  # the second finds what Ray wrote for the first
        shutil.rmtree(tmp_path / "checkpoints/step-00000002")
        shutil.rmtree(tmp_path / "model")
        weights = launch_on_ray(CONFIG, str(shards), tmp_path, ranks=2, there=THERE)
        assert isinstance(load_model(weights), QwenVLModel)
        assert losses(tmp_path) == pytest.approx(alone, rel=2e-5)


def test_what_stops_a_rank_is_told_as_it_is_without_a_cluster(ray_here, shards, tmp_path):
    config = replace(CONFIG, max_pixels=100_000)
    with pytest.raises(NotReadyError, match="max_pixels"):
        launch_on_ray(config, str(shards), tmp_path, ranks=1, there=THERE)


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
