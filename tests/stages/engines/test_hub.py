"""Models of the hub, against a stand-in for the hub's own client."""

import json

import pytest
from huggingface_hub.errors import LocalEntryNotFoundError, OfflineModeIsEnabled

from stages.engines import hub
from stages.engines.hub import Download, missing_files, model_folder, open_clip_downloads
from stages.errors import MissingWeightsError
from tests.hub import HubHere


@pytest.fixture
def here(tmp_path, monkeypatch):
    stand_in = HubHere(cache=tmp_path / "cache", remote={})
    monkeypatch.setattr("huggingface_hub.snapshot_download", stand_in.snapshot_download)
    return stand_in


def write(folder, *names):
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).write_text("{}")


def test_a_model_is_here_when_all_its_parts_are(tmp_path):
    write(tmp_path, "config.json")
    assert missing_files(tmp_path) == ["*.safetensors"]
    write(tmp_path, "model-1.safetensors")
    assert missing_files(tmp_path) == []
    weight_map = {"a": "model-1.safetensors", "b": "model-2.safetensors"}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    assert missing_files(tmp_path) == ["model-2.safetensors"]
    with pytest.raises(MissingWeightsError, match=r"holds no model-2\.safetensors"):
        model_folder(str(tmp_path))
    write(tmp_path, "model-2.safetensors")
    assert model_folder(str(tmp_path)) == tmp_path


def test_a_hub_name_is_looked_up_in_the_cache_alone(here):
    here.remote["a/model"] = ("config.json", "model.safetensors")
    with pytest.raises(MissingWeightsError, match=r"model 'a/model': .*`quern models fetch"):
        model_folder("a/model")
    folder = Download(repo="a/model").fetch()
    assert model_folder("a/model") == folder
    (folder / "model.safetensors").unlink()
    assert Download(repo="a/model").folder() is None


def test_only_the_files_that_are_wanted_are_fetched(here):
    here.remote["a/model"] = ("config.json", "model.safetensors", "model.bin", "tokenizer.json")
    folder = Download(repo="a/model", files=("*.safetensors", "config.json")).fetch()
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.safetensors"]
    (tokenizer,) = hub.tokenizer_downloads("a/model")
    with pytest.raises(MissingWeightsError, match=r"'a/model' has no preprocessor_config\.json on"):
        tokenizer.fetch()


@pytest.mark.parametrize(
    "error", [LocalEntryNotFoundError("no connection"), OfflineModeIsEnabled("offline")]
)
def test_without_the_web_the_error_names_the_model_and_the_way_out(monkeypatch, error):
    def snapshot_download(*_, **__):
        raise error

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot_download)
    with pytest.raises(MissingWeightsError, match=r"'a/model' cannot be fetched .*copy the cache"):
        Download(repo="a/model").fetch()


def test_a_name_that_is_none_is_no_model(tmp_path):
    with pytest.raises(MissingWeightsError, match=r"cannot be fetched \(HFValidationError"):
        Download(repo="no/such/name").fetch()
    assert Download(repo="no/such/name").folder() is None
    assert hub.model_downloads(str(tmp_path)) == hub.tokenizer_downloads(str(tmp_path)) == ()


def test_open_clip_models_lie_on_the_hub_too(tmp_path):
    (named,) = open_clip_downloads("hf-hub:laion/a-clip", "")
    assert named.repo == "laion/a-clip"
    (shaped,) = open_clip_downloads("ViT-B-32", "laion2b_s34b_b79k")
    assert shaped.repo == "laion/CLIP-ViT-B-32-laion2B-s34B-b79K"
    assert shaped.needs == ("open_clip_model.safetensors",)
    assert open_clip_downloads("ViT-B-32", "") == ()
    (tmp_path / "weights.pt").write_text("")
    assert open_clip_downloads("ViT-B-32", str(tmp_path / "weights.pt")) == ()
    with pytest.raises(MissingWeightsError, match="no weights 'nobody' of 'ViT-B-32' on the hub"):
        open_clip_downloads("ViT-B-32", "nobody")
