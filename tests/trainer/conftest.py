import pytest
import torch

from tests.trainer.documents import small_config
from trainer.model import QwenVLModel
from trainer.weights import save_model

torch.set_num_threads(1)  # the suite runs in as many processes as there are cores


@pytest.fixture(scope="session")
def untied():
    """A small model with a head of its own, in single precision."""
    model = QwenVLModel(small_config(tied=False))
    model.init_weights(0)
    return model


@pytest.fixture(scope="session")
def untied_folder(untied, tmp_path_factory):
    folder = tmp_path_factory.mktemp("untied")
    save_model(untied, folder, dtype=torch.float32)
    return folder


@pytest.fixture(scope="session")
def theirs(untied_folder):
    """The same weights in transformers' model."""
    from transformers import Qwen2_5_VLForConditionalGeneration  # slow to import, rarely needed

    return Qwen2_5_VLForConditionalGeneration.from_pretrained(untied_folder, dtype=torch.float32)
