"""Checkpoints: seen as soon as they are written, and not before."""

import time

import torch

from tests.trainer.documents import small_config
from trainer.checkpoint import Checkpoints, Progress
from trainer.model import QwenVLModel
from trainer.parallel import joined


def test_a_checkpoint_is_seen_once_it_is_written_without_another_being_begun(tmp_path):
    model = QwenVLModel(small_config())
    model.init_weights(0)
    optimizer = torch.optim.AdamW(model.parameters(), fused=False)
    sum(weight.sum() for weight in model.parameters()).backward()
    optimizer.step()
    with joined() as ranks:
        checkpoints = Checkpoints(folder=tmp_path, ranks=ranks, keep=2)
        checkpoints.settle()  # nothing is being written
        checkpoints.save(model, optimizer, Progress(step=3))
        assert checkpoints.newest() is None
        deadline = time.monotonic() + 60
        while checkpoints.newest() is None:
            assert time.monotonic() < deadline
            checkpoints.settle()
            time.sleep(0.01)
        assert checkpoints.newest() == tmp_path / "step-00000003"
        with torch.no_grad():
            model.head_weight.zero_()
        assert checkpoints.load(model, optimizer).step == 3
        assert model.head_weight.abs().sum() > 0
