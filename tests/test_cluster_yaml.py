"""The cluster file against Ray's own schema and preparation, without a cloud."""

import copy
import re
from pathlib import Path

import jsonschema
import pytest
import typer
import yaml
from ray.autoscaler._private.util import prepare_config, validate_config

from pipelines.cli import app

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def written():
    return yaml.safe_load((ROOT / "cluster.yaml").read_text())


@pytest.fixture(scope="module")
def prepared(written):
    """The file with Ray's defaults filled in, as `ray up` sees it."""
    return prepare_config(copy.deepcopy(written))


def test_ray_accepts_the_file_as_it_will_see_it(prepared):
    assert validate_config(prepared) is None


def test_ray_refuses_a_misspelt_entry(prepared):
    broken = {**prepared, "setup_comands": []}
    with pytest.raises(jsonschema.ValidationError, match="setup_comands"):
        validate_config(broken)


def test_pools_have_room_in_the_cluster(prepared):
    types = prepared["available_node_types"]
    workers = [types[name] for name in types if name != prepared["head_node_type"]]
    assert len(workers) == 2
    assert sum(worker["min_workers"] for worker in workers) <= prepared["max_workers"]
    assert sum(worker["max_workers"] for worker in workers) <= prepared["max_workers"]


def test_the_head_takes_no_unit_and_gpus_start_on_demand(prepared):
    types = prepared["available_node_types"]
    assert types["head"]["resources"] == {"CPU": 0}
    assert types["gpu_worker"]["min_workers"] == 0


def test_every_node_installs_the_locked_versions(prepared):
    for place in ("head_setup_commands", "worker_setup_commands"):
        commands = " ".join(prepared[place])
        assert "--requirement ~/quern/requirements.lock" in commands
        assert "--no-deps --editable ~/quern" in commands


def test_the_image_has_the_ray_and_python_that_are_locked(written):
    locked = re.search(r"^ray==(.+)$", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    assert written["docker"]["image"] == f"rayproject/ray:{locked.group(1)}-py311"


def test_what_is_made_here_stays_here(written):
    ignored = (ROOT / ".gitignore").read_text().split()
    assert {"runs/", ".venv/"} <= {*ignored} & {*written["rsync_exclude"]}


TOLD = [ROOT / "docs" / "cluster.md", ROOT / "cluster.yaml"]


@pytest.mark.parametrize("path", TOLD, ids=lambda path: path.name)
def test_every_command_told_is_one_with_these_options(path):
    commands = typer.main.get_command(app).commands
    told = re.findall(r"quern ((?:[a-z]+)(?: (?:[^`\n]|\\\n)+))", path.read_text())
    assert told
    for text in told:
        name = text.split()[0]
        if name not in commands:
            continue  # prose
        options = {option for each in commands[name].params for option in each.opts}
        assert set(re.findall(r"(?<!\S)--[a-z-]+", text)) <= options


def test_what_the_docs_quote_of_errors_is_what_they_say():
    docs = (ROOT / "docs" / "cluster.md").read_text()
    code = " ".join(path.read_text() for path in (ROOT / "pipelines").glob("*.py"))
    quoted = ["does not take the job", "cannot join the Ray cluster", "no answer within"]
    quoted += ["is too big to send to a cluster", "Ray stopped the run while"]
    assert [text for text in quoted if text not in docs or text not in code] == []
