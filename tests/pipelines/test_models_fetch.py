"""Fetching a recipe's models, against a stand-in for the hub."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from pipelines.models_fetch import fetch_models, wanted
from pipelines.recipe import Recipe, Step, load_recipe
from stages.engines.qwen_vl import QwenVL
from stages.errors import MissingWeightsError
from stages.information_gain import InformationGain
from stages.propositions import Propositions
from stages.sources.read_jsonl import ReadJsonl
from stages.stage import Stage, StageFn
from stages.tag_language import TagLanguage
from stages.tokenize_sample import TokenizeSample
from stages.write_shards import WriteShards
from tests.hub import HubHere

ROOT = Path(__file__).resolve().parents[2]
NAME = "Qwen/Qwen2.5-VL-7B-Instruct"
MODEL = ("config.json", "model.safetensors", "preprocessor_config.json", "tokenizer.json")


@dataclass(frozen=True, kw_only=True)
class Committee(Stage):
    """Asks several models."""

    source: ClassVar[str] = "Quern"
    models: tuple[QwenVL, ...] = ()

    def build(self) -> StageFn:
        return lambda batch: batch


def recipe(*operators):
    steps = tuple(
        Step(name=f"step_{number}", operator=operator) for number, operator in enumerate(operators)
    )
    return Recipe(name="mill", source=ReadJsonl(), steps=steps, write=WriteShards())


@pytest.fixture
def here(tmp_path, monkeypatch):
    stand_in = HubHere(cache=tmp_path, remote={NAME: MODEL, "a/judge": MODEL})
    monkeypatch.setattr("huggingface_hub.snapshot_download", stand_in.snapshot_download)
    return stand_in


def test_every_engine_of_the_steps_is_found_and_equal_models_once():
    judge = QwenVL(model="a/judge")
    steps = [
        TagLanguage(),
        InformationGain(),
        Propositions(),
        Committee(models=(judge, QwenVL(model="random"), QwenVL())),
        TokenizeSample(),
        TokenizeSample(processor="tiny"),
    ]
    found = [(each.place, each.download.repo) for each in wanted(recipe(*steps))]
    assert found == [
        ("steps.step_1", NAME),
        ("steps.step_3", "a/judge"),
        ("steps.step_4", NAME),  # the tokenizer's files alone
    ]


def test_what_is_missing_is_fetched_and_what_is_here_is_told(here, tmp_path):
    steps = recipe(InformationGain(), TokenizeSample())
    first, second = fetch_models(steps)
    assert first == f"steps.step_0: {NAME} fetched into {tmp_path / NAME.replace('/', '--')}"
    assert second.startswith(f"steps.step_1: {NAME} is here already, in "), "with the model"
    assert all("is here already" in line for line in fetch_models(steps))
    assert here.fetched == [NAME]


def test_all_models_that_cannot_be_fetched_are_named(here):
    missing = [QwenVL(model="no/model"), QwenVL(model="nor/this"), QwenVL(model="a/judge")]
    lines = []
    with pytest.raises(MissingWeightsError, match=r"'no/model'[\s\S]*'nor/this'"):
        lines.extend(fetch_models(recipe(Committee(models=tuple(missing)))))
    assert here.fetched == ["no/model", "nor/this", "a/judge"]


def test_a_recipe_without_models_says_so(here):
    (line,) = fetch_models(recipe(TokenizeSample(processor="tiny")))
    assert line == "mill needs no models of the hub"


def test_the_main_recipe_needs_clip_and_qwen_and_with_tiny_models_nothing():
    path = ROOT / "pipelines" / "recipes" / "interleaved.yaml"
    full = wanted(load_recipe(path, here=False))
    assert [each.place for each in full] == [
        "steps.embed_clip",
        "steps.information_gain",
        "steps.tokenize_sample",
    ]
    assert "clip" in full[0].download.repo
    assert wanted(load_recipe(path, here=False, tiny=True)) == []
