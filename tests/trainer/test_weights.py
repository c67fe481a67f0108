import json

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import Qwen2_5_VLForConditionalGeneration

from stages.errors import MissingWeightsError, NotReadyError
from tests.trainer.documents import document, for_transformers, image, packed, small_config
from trainer.model import QwenVLModel
from trainer.weights import INDEX, WEIGHTS, load_model, released_name, save_model

PROMPT = document(4, image(6, 10), 5, seed=1)


def assert_same_weights(one, other):
    one, other = one.state_dict(), other.state_dict()
    assert one.keys() == other.keys()
    for name, weight in one.items():
        assert torch.equal(weight, other[name]), name


def tied_model():
    model = QwenVLModel(small_config(tied=True, vision_depth=1, full_blocks=(0,)))
    model.init_weights(1)
    return model


def test_a_model_comes_back_as_it_was_saved(untied, untied_folder):
    again = load_model(untied_folder)
    assert again.config == untied.config
    assert_same_weights(again, untied)


def test_a_model_split_over_files_comes_back_whole(untied, tmp_path):
    save_model(untied, tmp_path, dtype=torch.float32, max_file_bytes=100_000)
    files = sorted(path.name for path in tmp_path.glob("*.safetensors"))
    assert files[0] == f"model-00001-of-{len(files):05}.safetensors"
    assert len(files) > 3
    index = json.loads((tmp_path / INDEX).read_text())
    assert index["metadata"]["total_size"] == 4 * sum(p.numel() for p in untied.parameters())
    for file in files:
        held = load_file(tmp_path / file)
        assert all(index["weight_map"][name] == file for name in held)
        assert sum(each.nbytes for each in held.values()) <= 100_000 or len(held) == 1
    assert_same_weights(load_model(tmp_path), untied)


def test_a_tied_model_has_no_head_in_its_file_and_transformers_ties_it(tmp_path):
    model = tied_model()
    save_model(model, tmp_path, dtype=torch.float32)
    assert "lm_head.weight" not in load_file(tmp_path / WEIGHTS)
    assert_same_weights(load_model(tmp_path), model)
    theirs = Qwen2_5_VLForConditionalGeneration.from_pretrained(tmp_path, dtype=torch.float32)
    mine = model(packed([PROMPT])) @ model.head_weight.T
    torch.testing.assert_close(
        theirs(**for_transformers(PROMPT)).logits[0], mine, rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize(
    ("original_format", "beginning"),
    [(True, "visual.blocks."), (False, "model.visual.blocks.")],
    ids=["released names", "newer names"],
)
def test_a_model_that_transformers_saved_is_read(
    original_format, beginning, theirs, untied, tmp_path
):
    theirs.save_pretrained(tmp_path, save_original_format=original_format)
    assert any(name.startswith(beginning) for name in load_file(tmp_path / WEIGHTS))
    again = load_model(tmp_path)
    assert_same_weights(again, untied)
    assert again.config == untied.config


def test_weights_are_saved_in_half_precision_unless_told_otherwise(tmp_path):
    model = tied_model()
    save_model(model, tmp_path)
    again = load_model(tmp_path, dtype=torch.bfloat16)
    for name, weight in again.state_dict().items():
        assert torch.equal(weight, model.state_dict()[name].bfloat16())


def test_every_name_of_the_file_is_one_that_was_released(untied_folder):
    names = set(load_file(untied_folder / WEIGHTS))
    for name in (
        "visual.patch_embed.proj.weight",
        "visual.blocks.8.norm1.weight",
        "visual.blocks.0.attn.qkv.bias",
        "visual.blocks.0.mlp.down_proj.bias",
        "visual.merger.ln_q.weight",
        "visual.merger.mlp.2.bias",
        "model.embed_tokens.weight",
        "model.layers.2.self_attn.k_proj.bias",
        "model.layers.2.mlp.gate_proj.weight",
        "model.layers.2.post_attention_layernorm.weight",
        "model.norm.weight",
        "lm_head.weight",
    ):
        assert name in names
    assert all(name.startswith(("visual.", "model.", "lm_head.")) for name in names)
    assert released_name("language.embed_tokens.weight") == "model.embed_tokens.weight"


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(NotReadyError, match=r"config\.json is missing"):
        load_model(tmp_path)
    save_model(tied_model(), tmp_path)
    (tmp_path / WEIGHTS).unlink()
    with pytest.raises(MissingWeightsError, match=r"model\.safetensors is missing"):
        load_model(tmp_path)


def test_weights_that_are_not_the_models_are_named(tmp_path):
    save_model(tied_model(), tmp_path)
    weights = load_file(tmp_path / WEIGHTS)
    bias = weights.pop("visual.merger.mlp.0.bias")
    save_file(weights, tmp_path / WEIGHTS)
    with pytest.raises(NotReadyError, match=r"lacks 1 of .* visual\.merger\.mlp\.0\.bias"):
        load_model(tmp_path)
    save_file({**weights, "visual.merger.mlp.0.bias": bias[:3]}, tmp_path / WEIGHTS)
    with pytest.raises(NotReadyError, match=r"mlp\.0\.bias .* of shape \(3,\).*\(128,\)"):
        load_model(tmp_path)
    save_file({**weights, "adapter.weight": bias}, tmp_path / WEIGHTS)
    with pytest.raises(NotReadyError, match=r"holds adapter\.weight"):
        load_model(tmp_path)
    (tmp_path / WEIGHTS).write_bytes(b"no weights")
    with pytest.raises(NotReadyError, match="is damaged"):
        load_model(tmp_path)
