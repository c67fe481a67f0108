"""What one node tells of the files it sees; `test_cluster` asks real nodes."""

import pytest

from pipelines.nodes import _told, look


@pytest.fixture
def run_folder(tmp_path):
    (tmp_path / "there").write_text("abc")
    return tmp_path


def test_a_node_that_sees_everything_has_nothing_to_tell(run_folder):
    mine = run_folder / "mine"
    assert look(run_folder / "there", mine, "abc", [str(run_folder / "there")]) == []
    assert mine.read_text() == "abc"


def test_a_node_without_the_run_folder_is_found_out(run_folder):
    elsewhere = run_folder / "other"
    assert look(elsewhere / "there", elsewhere / "mine", "abc", []) is None


def test_a_folder_of_the_same_name_on_another_disk_is_found_out(run_folder):
    assert look(run_folder / "there", run_folder / "mine", "another run's token", []) is None


def test_input_that_a_node_lacks_is_named(run_folder):
    gone = str(run_folder / "gone.warc.gz")
    assert look(run_folder / "there", run_folder / "mine", "abc", [gone]) == [gone]


def test_the_error_names_nodes_and_remedy():
    names = {"1": "red (10.0.0.1)", "2": "blue (10.0.0.2)"}
    said = _told(["blue (10.0.0.2)"], names, "the run folder runs/web", "--out")
    assert said.startswith("1 of the 2 nodes do not see the run folder runs/web")
    assert "blue (10.0.0.2); for --out use a folder on a file system that all nodes mount" in said
