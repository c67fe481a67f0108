"""Submitting, as far as it goes without a cluster; `test_cluster` has the rest."""

import asyncio
import sys
from types import SimpleNamespace

import pytest

from pipelines.cli import main
from pipelines.submit import Request, _exit_code, _follow
from stages.errors import QuernError, RecipeError

RECIPE = """
source: {use: stages.sources.read_jsonl.ReadJsonl}
steps:
  - {use: filters.word_count.WordCount, min_words: 5}
"""


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "grain.yaml"
    path.write_text(RECIPE)
    return path


def test_input_that_only_the_cluster_sees_is_no_fault(recipe):
    request = Request(recipe=recipe, out="s3://runs/grain", read=("/nowhere/here",))
    request.check()
    assert request.beside == {"sent/grain.yaml": RECIPE}


def test_an_option_that_is_wrong_anywhere_is_found_here(recipe):
    settings = ("steps.word_count.min_wrods=5",)
    with pytest.raises(RecipeError, match="did you mean 'min_words'"):
        Request(recipe=recipe, out="s3://runs/grain", settings=settings).check()


def test_paths_must_mean_the_same_on_every_node(recipe):
    with pytest.raises(RecipeError) as caught:
        Request(recipe=recipe, out="runs/grain", read=("crawl",)).check()
    assert len(caught.value.faults) == 2
    assert "--out 'runs/grain' must be an absolute path or a URI" in caught.value.faults[0]


def test_the_command_in_the_cluster_is_a_run_that_joins_it(recipe):
    request = Request(
        recipe=recipe, out="s3://b/o", read=("/a b", "/c"), settings=("seed=2",), tiny=True
    )
    told = ["run", "sent/grain.yaml", "--address", "auto", "--out", "s3://b/o", "--read"]
    assert request.command == [*told, "/a b", "--read", "/c", "--set", "seed=2", "--tiny"]


def test_a_run_folder_must_be_named(recipe, monkeypatch, capsys):
    command = ["quern", "submit", str(recipe), "--address", "http://127.0.0.1:1"]
    monkeypatch.setattr(sys, "argv", command)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "name the run folder, as the cluster's nodes see it" in capsys.readouterr().err


def test_a_job_server_that_is_not_there_is_one_line(recipe, monkeypatch, capsys):
    out = ("--out", "s3://runs/grain")
    command = ["quern", "submit", str(recipe), "--address", "http://127.0.0.1:1", *out]
    monkeypatch.setattr(sys, "argv", command)
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr().err
    assert ended.value.code == 1
    assert "the job server at http://127.0.0.1:1 does not take the job" in said
    assert "Traceback" not in said


class Jobs:
    """A job server that tells what it is given."""

    def __init__(self, status="SUCCEEDED", code=None, log=(), breaks=0):
        self.info = SimpleNamespace(status=status, driver_exit_code=code, message="it broke\n...")
        self.log, self.breaks, self.tails = log, breaks, 0

    def get_job_info(self, job):
        return self.info

    def get_job_status(self, job):
        return SimpleNamespace(is_terminal=lambda: self.tails > self.breaks)

    async def tail_job_logs(self, job):
        self.tails += 1
        for text in self.log:
            await asyncio.sleep(0)
            yield text
            if self.tails <= self.breaks:
                raise RuntimeError("the connection broke")


@pytest.mark.parametrize(("status", "code"), [("SUCCEEDED", 0), ("FAILED", 2), ("FAILED", 1)])
def test_the_exit_code_of_the_job_is_passed_on(status, code):
    assert _exit_code(Jobs(status, code), "j") == code


@pytest.mark.parametrize(("status", "code"), [("STOPPED", None), ("FAILED", None), ("FAILED", -9)])
def test_a_job_that_was_ended_from_outside_is_an_error(status, code):
    with pytest.raises(QuernError, match=f"job j is {status.lower()}: it broke$"):
        _exit_code(Jobs(status, code), "j")


def test_a_log_is_shown_once_though_the_connection_breaks():
    said = []
    _follow(Jobs(log=("one\n", "two\n"), breaks=2), "j", said.append)
    assert "".join(said) == "one\ntwo\n"
