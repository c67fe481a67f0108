"""Low-rank additions: nought at first, all that is trained, merged to the same, named as PEFT."""

import copy
import json

import pytest
import torch
from safetensors.torch import load_file

from stages.errors import NotReadyError
from tests.trainer.documents import document, image, packed, small_config
from trainer.lora import Lora, apply_lora, load_lora, lora_layers, merge_lora, save_lora
from trainer.model import QwenVLModel

LORA = Lora(rank=3, alpha=6.0, layers=("language.layers.*.q_proj", "language.layers.1.mlp.*"))
INPUTS = packed([document(3, image(4, 6), 5), document(7, seed=1)])


@pytest.fixture(scope="module")
def base():
    model = QwenVLModel(small_config(vision_depth=2, full_blocks=(1,)))
    model.init_weights(0)
    model.vision.requires_grad_(False)
    model.merger.requires_grad_(False)
    return model


@pytest.fixture
def plain(base):
    return copy.deepcopy(base)


@pytest.fixture
def added(plain):
    apply_lora(plain, LORA, 0)
    return plain


def stirred(model):
    """Return the model with additions that are not nought."""
    generator = torch.Generator().manual_seed(1)
    for _, layer in lora_layers(model):
        layer.lora_B.weight.data.normal_(std=0.3, generator=generator)
    return model


def test_fresh_additions_change_nothing(base, added):
    assert torch.equal(added(INPUTS), base(INPUTS))


def test_layers_that_a_pattern_names_get_additions_and_keep_their_names(base, added):
    mlp = [f"language.layers.1.mlp.{name}_proj" for name in ("gate", "up", "down")]
    queries = [f"language.layers.{number}.attn.q_proj" for number in range(3)]
    assert {name for name, _ in lora_layers(added)} == {*queries, *mlp}
    assert base.state_dict().keys() <= added.state_dict().keys()


def test_only_additions_are_trained(base, added):
    stirred(added)(INPUTS).square().sum().backward()
    trained = {name for name, each in added.named_parameters() if each.grad is not None}
    assert trained == added.state_dict().keys() - base.state_dict().keys()
    assert all(each.grad.abs().max() > 0 for each in added.parameters() if each.requires_grad)


def test_parts_that_are_frozen_get_no_addition(plain):
    apply_lora(plain, Lora(layers=("*",)), 0)
    assert {name.partition(".")[0] for name, _ in lora_layers(plain)} == {"language"}


def test_a_part_to_be_trained_without_addition_is_refused(plain):
    plain.merger.requires_grad_(True)
    with pytest.raises(NotReadyError, match=r"no linear layer of merger.*'merger\.\*'"):
        apply_lora(plain, LORA, 0)


def test_the_seed_says_what_additions_begin_as(base, added):
    same, other = copy.deepcopy(base), copy.deepcopy(base)
    apply_lora(same, LORA, 0)
    apply_lora(other, LORA, 1)
    firsts = [next(lora_layers(each))[1].lora_A.weight for each in (added, same, other)]
    assert torch.equal(firsts[0], firsts[1])
    assert not torch.equal(firsts[0], firsts[2])


def test_an_addition_is_the_product_of_its_matrices(base, added):
    name, layer = next(lora_layers(stirred(added)))
    x = torch.randn(4, layer.in_features, generator=torch.Generator().manual_seed(0))
    product = layer.lora_B.weight @ layer.lora_A.weight
    wanted = base.get_submodule(name)(x) + 6.0 / 3 * x @ product.T
    torch.testing.assert_close(layer(x), wanted)


def test_merged_additions_compute_the_same_in_plain_layers(base, added):
    wanted = stirred(added)(INPUTS)
    merge_lora(added)
    assert added.state_dict().keys() == base.state_dict().keys()
    torch.testing.assert_close(added(INPUTS), wanted, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(added(INPUTS), base(INPUTS), rtol=1e-2, atol=1e-2)


def test_saved_additions_are_named_as_in_peft(added, tmp_path):
    save_lora(added, LORA, tmp_path, base="somewhere")
    weights = load_file(tmp_path / "adapter_model.safetensors")
    layer = "base_model.model.model.language_model.layers.1"
    assert weights[f"{layer}.self_attn.q_proj.lora_A.weight"].shape == (3, 64)
    assert weights[f"{layer}.mlp.down_proj.lora_B.weight"].shape == (64, 3)
    assert len(weights) == 2 * 6
    told = json.loads((tmp_path / "adapter_config.json").read_text())
    assert (told["peft_type"], told["r"], told["lora_alpha"]) == ("LORA", 3, 6.0)
    assert "model.language_model.layers.1.mlp.up_proj" in told["target_modules"]
    assert told["base_model_name_or_path"] == "somewhere"


def test_saved_additions_come_back(base, added, tmp_path):
    save_lora(stirred(added), LORA, tmp_path, base="somewhere")
    again = copy.deepcopy(base)
    assert load_lora(again, tmp_path).rank == 3
    assert torch.equal(again(INPUTS), added(INPUTS))


def test_additions_of_another_model_are_refused(added, tmp_path):
    save_lora(added, LORA, tmp_path, base="somewhere")
    shallow = QwenVLModel(small_config(vision_depth=2, full_blocks=(1,)))
    del shallow.language.layers[1:]
    with pytest.raises(NotReadyError, match=r"layers\.1\..* the model has no such layer"):
        load_lora(shallow, tmp_path)


def test_a_folder_without_additions_is_refused(base, tmp_path):
    with pytest.raises(NotReadyError, match="no additions"):
        load_lora(base, tmp_path)
