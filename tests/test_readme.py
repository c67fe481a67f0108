"""What the README tells people to type and to write is there."""

import re
from pathlib import Path

import pytest
import typer
import yaml

from pipelines.catalogue import all_operators
from pipelines.cli import app
from pipelines.recipe import build_recipe
from stages.errors import RecipeError

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = typer.main.get_command(app).commands


def _blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_every_command_is_a_command():
    told = set(re.findall(r"(?:^|[`/])quern ([a-z]+)", README, re.MULTILINE))
    assert told == set(COMMANDS) & told
    assert {"run", "plan", "stage", "ops"} <= told


def test_every_make_target_is_in_the_makefile():
    told = set(re.findall(r"^make (\w+)", README, re.MULTILINE))
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert told <= targets
    assert {"demo", "test"} <= told


def test_every_flag_is_an_option_of_its_command():
    options = {name for command in COMMANDS.values() for p in command.params for name in p.opts}
    flags = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", README))
    assert flags <= options
    assert "--read" in flags


FAULTS = re.search(r"```\n(RecipeError.*?)```", README, re.DOTALL).group(1)


def test_the_faults_shown_are_what_such_a_recipe_reports(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("crawl").mkdir()
    wrong = {"use": "filters.text_repetiton.TextRepetition"}
    steps = [wrong, {"use": "filters.image_size.ImageSize", "min_side": 200}]
    source = {"use": "stages.sources.read_warc.ReadWarc", "paths": ["crawl/missing.warc.gz"]}
    with pytest.raises(RecipeError) as caught:
        build_recipe({"source": source, "steps": steps}, "broken.yaml")
    reported = f"RecipeError {caught.value}".replace(f"{tmp_path}/", "")
    assert reported.split() == FAULTS.split()


def test_every_operator_named_exists():
    right = README.replace(FAULTS, "")
    told = set(re.findall(r"\b(?:stages|filters|synth)\.[a-z_.0-9]+\.[A-Z]\w+", right))
    assert told <= {*all_operators(), "stages.write_shards.WriteShards"}
    assert told


def test_every_recipe_and_file_named_exists():
    paths = set(re.findall(r"\b(?:pipelines|stages|benchmarks|examples)/[\w/]+\.\w+", README))
    assert [path for path in sorted(paths) if not (ROOT / path).exists()] == []
    assert paths


@pytest.mark.parametrize("block", _blocks("yaml"))
def test_every_recipe_shown_loads(block, crawled):
    recipe = build_recipe(
        yaml.safe_load(block),
        "README.md",
        read=[str(crawled)],
        settings=["steps.tokenize_sample.processor=tiny"],
    )
    assert recipe.steps
