"""A cluster of three nodes gives the rows and bytes of one process, whatever way a run gets there.

The cluster starts once, which takes most of this file's time.
"""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.folder import RunFolder
from pipelines.mill import mill
from pipelines.progress import Display
from pipelines.recipe import load_recipe
from tests.digests import digests
from tests.fakes import sample
from tests.in_process import InProcess
from tests.three_nodes import ThreeNodes, three_nodes

FILES = 12
ROWS = 20
RECIPE = """
name: grain
source: {use: stages.sources.read_jsonl.ReadJsonl}
steps:
  - {use: tests.fakes.Doze, seconds: 0.3}
  - {use: stages.dedup.exact.ExactDedup}
  - {use: stages.tokenize_sample.TokenizeSample, processor: tiny}
write: {use: stages.write_shards.WriteShards}
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[ThreeNodes]:
    with three_nodes() as nodes:
        yield nodes


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a recipe, input, and `here`: the run of one process."""
    folder = tmp_path_factory.mktemp("shared")
    (folder / "in").mkdir()
    for file in range(FILES):
        texts = [f"corn number {(file * 7 + row) % 97}" for row in range(ROWS)]
        lines = [json.dumps(sample(f"{file}{row:02d}", text)) for row, text in enumerate(texts)]
        (folder / "in" / f"{file}.jsonl").write_text("\n".join(lines))
    (folder / "grain.yaml").write_text(RECIPE)
    recipe = load_recipe(folder / "grain.yaml", read=[str(folder / "in")])
    mill(recipe, RunFolder(root=folder / "here"), InProcess(), Display())
    return folder


def rows_and_shards(out: Path) -> dict[str, str]:
    """Return the digest of every Parquet file of a run, and of the manifest."""
    return digests([*out.rglob("*.parquet"), out / "shards" / "manifest.json"], out)


def arguments(shared: Path, out: str) -> list[str]:
    read, out = str(shared / "in"), str(shared / out)
    return [str(shared / "grain.yaml"), "--read", read, "--out", out]


def test_a_job_gives_the_bytes_of_one_process(cluster: ThreeNodes, shared: Path) -> None:
    job = cluster.quern("submit", *arguments(shared, "job"), "--address", cluster.jobs)
    said, _ = job.communicate()
    assert job.returncode == 0, said
    assert f"{FILES}/{FILES}" in said, "the log of the job is shown"
    assert rows_and_shards(shared / "job") == rows_and_shards(shared / "here")


def test_a_fault_that_only_the_cluster_sees_is_the_exit_code(
    cluster: ThreeNodes, shared: Path
) -> None:
    wrong = ["--read", str(shared / "gone"), "--out", str(shared / "none")]
    recipe = str(shared / "grain.yaml")
    job = cluster.quern("submit", recipe, *wrong, "--address", cluster.jobs)
    said, _ = job.communicate()
    assert job.returncode == 2
    assert "gone: no such file or folder" in said


def test_a_run_through_a_client_gives_the_bytes_of_one_process(
    cluster: ThreeNodes, shared: Path
) -> None:
    run = cluster.quern("run", *arguments(shared, "client"), "--address", cluster.client)
    said, _ = run.communicate()
    assert run.returncode == 0, said
    assert f"{FILES}/{FILES}" in said, "what the run says there is shown here"
    assert rows_and_shards(shared / "client") == rows_and_shards(shared / "here")


def test_a_node_that_goes_away_changes_nothing(cluster: ThreeNodes, shared: Path) -> None:
    """Comes last: Ray may for a while name the lost node to new drivers on this machine."""
    run = cluster.quern("run", *arguments(shared, "joined"), "--address", cluster.address)
    first = shared / "joined" / "segments" / "1"
    while run.poll() is None and len(list(first.glob("*.done"))) < 2:
        time.sleep(0.05)
    cluster.remove_node()
    said, _ = run.communicate()
    assert run.returncode == 0, said
    assert rows_and_shards(shared / "joined") == rows_and_shards(shared / "here")
