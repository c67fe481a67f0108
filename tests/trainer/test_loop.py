"""The loop: killed and gone on to the same losses, the same on two ranks, refusals."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from stages.errors import NotReadyError
from tests.trainer.shards import write_questions
from trainer.config import load_config
from trainer.loop import train
from trainer.metrics import read_lines
from trainer.model import QwenVLModel
from trainer.weights import load_model

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = (
    *("steps=5", "pack_tokens=96", "step_packs=2", "log_every=1", "checkpoint_every=2"),
    *("workers=0", "warmup_steps=0", "held_out_share=0.2", "evaluate_every=4", "evaluate_packs=2"),
)


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    """Shards of twenty questions; one in five shows a picture, so that many packs show none."""
    return write_questions(tmp_path_factory.mktemp("data"), 20, shown_every=5)


def config_of(*settings):
    return load_config("multimodal_pretraining", shape="tiny", settings=[*SETTINGS, *settings])


def losses(out):
    return [(line["step"], line["loss"]) for line in read_lines(out) if "loss" in line]


@pytest.fixture(scope="module")
def unbroken(shards, tmp_path_factory):
    out = tmp_path_factory.mktemp("unbroken")
    train(config_of(), shards, out)
    return out


def start(shards, out, **environment):
    command = [sys.executable, "-m", "trainer.launch", "multimodal_pretraining", "--shape", "tiny"]
    command += ["--data", str(shards), "--out", str(out), "--set", *SETTINGS]
    env = {**os.environ, "OMP_NUM_THREADS": "1", **environment}  # as this process has, see conftest
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, env=env, stdout=pipe, stderr=pipe, text=True)


def test_the_loss_falls_and_the_weights_load(unbroken):
    told = losses(unbroken)
    assert [step for step, _ in told] == [1, 2, 3, 4, 5]
    assert told[-1][1] < told[0][1]
    assert isinstance(load_model(unbroken / "model"), QwenVLModel)
    assert (unbroken / "loss.png").stat().st_size > 1000
    assert [line["step"] for line in read_lines(unbroken) if "held_out_loss" in line] == [4, 5]


def test_a_killed_training_goes_on_to_the_same_losses(shards, unbroken, tmp_path):
    killed = start(shards, tmp_path)
    deadline = time.monotonic() + 240
    while not list(tmp_path.glob("checkpoints/step-*/state.json")):
        assert killed.poll() is None, killed.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    train(config_of(), shards, tmp_path)
    assert losses(tmp_path) == losses(unbroken)
    ours, theirs = load_model(tmp_path / "model"), load_model(unbroken / "model")
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(mine, other)


def test_two_ranks_train_as_one_though_some_packs_show_no_picture(shards, unbroken, tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    meeting = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    ranks = [start(shards, tmp_path, RANK=str(rank), **meeting) for rank in range(2)]
    for rank in ranks:
        _, errors = rank.communicate(timeout=240)
        assert rank.returncode == 0, errors
    for (step, ours), (_, theirs) in zip(losses(tmp_path), losses(unbroken), strict=True):
        assert ours == pytest.approx(theirs, rel=2e-5), step


def test_another_rate_is_refused_where_a_training_lies(shards, unbroken):
    with pytest.raises(NotReadyError, match="language_rate"):
        train(config_of("language_rate=0.5"), shards, unbroken)


def test_shards_for_other_pixels_are_refused(shards, tmp_path):
    with pytest.raises(NotReadyError, match="max_pixels"):
        train(config_of("max_pixels=100000"), shards, tmp_path)
