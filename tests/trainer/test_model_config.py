import json

import pytest
import torch
from transformers import AutoConfig, Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

from stages.errors import NotReadyError
from tests.trainer.documents import small_config
from trainer.model import QwenVLModel
from trainer.model_config import SHAPES, ModelConfig, read_config, write_config

PARAMETERS = {
    "tiny": 4_653_440,
    "3b": 3_754_622_976,
    "7b": 8_292_166_656,
    "72b": 73_410_777_344,
}


def on_meta(config):
    with torch.device("meta"):
        return QwenVLModel(config)


@pytest.mark.parametrize(("shape", "count"), PARAMETERS.items())
def test_a_shape_has_as_many_parameters_as_transformers_and_the_release_say(shape, count):
    model = on_meta(read_config(SHAPES / f"{shape}.json"))
    assert sum(each.numel() for each in model.parameters()) == count
    theirs = AutoConfig.for_model(**json.loads((SHAPES / f"{shape}.json").read_text()))
    with torch.device("meta"):
        wanted = Qwen2_5_VLForConditionalGeneration(theirs)
    assert sum(each.numel() for each in wanted.parameters()) == count


def test_a_configuration_survives_its_file(tmp_path):
    for tied in (True, False):
        write_config(small_config(tied=tied), tmp_path)
        assert read_config(tmp_path) == small_config(tied=tied)


@pytest.mark.parametrize("shape", PARAMETERS)
def test_the_file_is_the_same_when_it_is_written_again(shape, tmp_path):
    file = SHAPES / f"{shape}.json"
    write_config(read_config(file), tmp_path)
    assert json.loads((tmp_path / "config.json").read_text()) == json.loads(file.read_text())


def test_a_file_that_transformers_wrote_says_the_same(tmp_path):
    config = small_config(tied=True)
    Qwen2_5_VLConfig.from_dict(config.to_json()).save_pretrained(tmp_path)
    assert "text_config" in json.loads((tmp_path / "config.json").read_text())
    assert read_config(tmp_path) == config


def test_a_release_that_leaves_out_what_is_common_to_all_gets_it():
    values = json.loads((SHAPES / "7b.json").read_text())
    for name in ("image_token_id", "video_token_id", "rms_norm_eps", "use_sliding_window"):
        del values[name]
    assert ModelConfig.from_json(values) == read_config(SHAPES / "7b.json")


@pytest.mark.parametrize(
    ("place", "change", "complaint"),
    [
        ("vision_config", {"patch_size": 16}, "patch_size is 16, Qwen2.5-VL's is 14"),
        ("vision_config", {"window_size": 224}, "window_size is 224"),
        ("vision_config", {"out_hidden_size": 8}, "out_hidden_size is 8, .* 64 wide"),
        ("vision_config", {"fullatt_block_indexes": [9]}, r"names \[9\]"),
        ("vision_config", {"num_heads": 5}, "heads=5 must divide"),
        ("", {"use_sliding_window": True}, "use_sliding_window is true"),
        ("", {"num_key_value_heads": 3}, "kv_heads=3 must divide"),
        ("", {"rope_scaling": {"type": "yarn"}}, "type 'yarn'"),
        ("rope_scaling", {"mrope_section": [2, 3, 4]}, "must be three numbers"),
    ],
)
def test_what_is_no_qwen_is_refused_with_the_reason(place, change, complaint, tmp_path):
    values = small_config().to_json()
    (values[place] if place else values).update(change)
    (tmp_path / "config.json").write_text(json.dumps(values))
    with pytest.raises(NotReadyError, match=complaint):
        read_config(tmp_path)


def test_what_is_missing_from_a_file_is_named(tmp_path):
    values = small_config().to_json()
    del values["num_attention_heads"]
    (tmp_path / "config.json").write_text(json.dumps(values))
    with pytest.raises(NotReadyError, match=r"num_attention_heads|heads"):
        read_config(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(NotReadyError, match="no configuration"):
        read_config(tmp_path)
