import sys

import pytest

from pipelines.cli import main
from pipelines.folder import write_json
from stages.files import write_table
from stages.record import table_of
from tests.fakes import sample


def _run(monkeypatch, capsys, *arguments):
    """Return the exit code and what was printed, on either stream."""
    monkeypatch.setattr(sys, "argv", ["quern", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr()
    return ended.value.code, said.out + said.err


def test_ranks_without_a_cluster_are_refused(monkeypatch, capsys):
    code, said = _run(monkeypatch, capsys, "train", "sft", "--data", "x", "--ranks", "2")
    assert code == 2
    assert "on this machine use torchrun" in said


def test_a_training_is_not_started_from_outside_its_cluster(monkeypatch, capsys):
    arguments = ["train", "sft", "--data", "x", "--address", "ray://head:10001"]
    code, said = _run(monkeypatch, capsys, *arguments)
    assert code == 2
    assert "starts on a node of its cluster" in said


def test_the_help_of_stage_is_help(monkeypatch, capsys):
    code, said = _run(monkeypatch, capsys, "stage", "--help")
    assert code == 0
    assert "Run one operator as a job" in said


def test_a_stage_without_a_run_folder_says_how_to_name_one(monkeypatch, capsys):
    code, said = _run(monkeypatch, capsys, "stage", "filters.word_count.WordCount", "--read", "x")
    assert code == 2
    assert "name the run folder: --write DIR" in said


def test_a_stage_whose_input_is_not_there_says_so(monkeypatch, capsys, tmp_path):
    gone, out = str(tmp_path / "gone"), str(tmp_path / "out")
    use = "filters.word_count.WordCount"
    code, said = _run(monkeypatch, capsys, "stage", use, "--read", gone, "--write", out)
    assert code == 2
    assert f"--read {gone}: no such file or folder" in said


def test_a_stage_does_not_write_over_what_it_reads(monkeypatch, capsys, tmp_path):
    kept = tmp_path / "segments" / "1" / "00000.kept.parquet"
    write_table(kept, table_of([sample("a")]))
    write_json(tmp_path / "run.json", {"segments": [{}]})
    before = kept.read_bytes()
    arguments = ("filters.word_count.WordCount", "--read", str(tmp_path), "--write", str(tmp_path))
    code, said = _run(monkeypatch, capsys, "stage", *arguments)
    assert code == 1
    assert "name another run folder" in said
    assert kept.read_bytes() == before


@pytest.mark.parametrize("command", ["card", "report"])
def test_a_file_is_no_run(monkeypatch, capsys, tmp_path, command):
    file = tmp_path / "crawl.warc.gz"
    file.write_bytes(b"\x1f\x8b")
    code, said = _run(monkeypatch, capsys, command, str(file))
    assert code == 1
    assert "is not a finished run: run.json is missing" in said
    assert "Traceback" not in said
