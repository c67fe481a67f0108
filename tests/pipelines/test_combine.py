"""Clusters over many units: merged in a tree, dealt out and judged, whatever happens on the way."""

import io
import json
import random
import shutil

import pytest
from rich.console import Console

from pipelines.combine import FAN_IN, decision_files, levels
from pipelines.decided import read_decisions
from pipelines.folder import RunFolder
from pipelines.mill import mill
from pipelines.plan import bucket_count
from pipelines.progress import Display
from pipelines.recipe import build_recipe
from stages.dedup.minhash import MinHashDedup
from tests.digests import digests
from tests.in_process import InProcess

UNITS = 36
STEP = {"use": "stages.dedup.minhash.MinHashDedup", "ngram": 2}


class Backwards(InProcess):
    """Does pieces of deciding in another order."""

    def decisions(self, decisions):
        return super().decisions(decisions[::-1])


@pytest.fixture(scope="module")
def crawl(tmp_path_factory):
    """A folder of 36 files of 6 texts; a third of the texts are copies from other files."""
    folder = tmp_path_factory.mktemp("crawl")
    draw = random.Random(4)
    known = [" ".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=30)) for _ in range(150)]
    for unit in range(UNITS):
        texts = [f"{draw.choice(known)} {draw.choice('xyz')}" for _ in range(6)]
        lines = (json.dumps({"text": text, "id": f"{unit}-{n}"}) for n, text in enumerate(texts))
        (folder / f"{unit:02d}.jsonl").write_text("\n".join(lines))
    return folder


def run(crawl, root, workers=None):
    source = {"use": "stages.sources.read_jsonl.ReadJsonl", "paths": [str(crawl)]}
    recipe = build_recipe({"source": source, "steps": [STEP]}, "test.yaml")
    workers = workers or InProcess()
    mill(recipe, RunFolder(root=root), workers, Display(console=Console(file=io.StringIO())))
    return workers.did


def decisions(root, buckets):
    files = decision_files(MinHashDedup(), buckets)
    units = [read_decisions(RunFolder(root=root), 1, unit, files) for unit in range(UNITS)]
    return [table.to_pylist() for table in units]


def arrow_files(root):
    return digests(root.rglob("*.arrow"), root)


@pytest.fixture(scope="module")
def unbroken(crawl, tmp_path_factory):
    root = tmp_path_factory.mktemp("unbroken")
    return root, run(crawl, root)


def begun(unbroken, root):
    """Copy of the run what it had done before it decided; return what it did from there on."""
    for part in ("segments/1", "buckets"):
        shutil.copytree(unbroken[0] / part, root / part)
    return unbroken[1][UNITS:]


def test_a_run_of_few_buckets_combines_them_in_one_piece():
    assert levels(FAN_IN, 20) == [["combined"]]


def test_forests_are_merged_in_a_tree_of_bounded_fan_in():
    merges = levels(1000, 5)[:4]
    assert [len(names) for names in merges] == [125, 16, 2, 1]
    assert merges[1][-1] == "merge-2-15"
    assert merges[3] == ["labels"]


def test_a_larger_run_merges_describes_and_judges(unbroken):
    _, did = unbroken
    pieces = [name for name in did if name.startswith("bucket 1/") and "-" in name]
    assert pieces[:2] == ["bucket 1/merge-1-0", "bucket 1/merge-1-1"]
    assert [name for name in pieces if "clusters" in name] == [
        "bucket 1/clusters-0",
        "bucket 1/clusters-1",
    ]
    assert bucket_count(UNITS) == 16


def test_its_clusters_are_those_of_one_piece(unbroken, crawl, tmp_path, monkeypatch):
    begun(unbroken, tmp_path)
    monkeypatch.setattr("pipelines.combine.FAN_IN", 100)
    monkeypatch.setattr("pipelines.combine.BUCKETS_PER_PART", 100)
    did = run(crawl, tmp_path)
    assert "bucket 1/combined" in did
    one = decisions(tmp_path, 1)
    monkeypatch.undo()
    many = decisions(unbroken[0], 16)
    assert many == one
    assert sum(len(unit) for unit in many) > 100


def test_the_order_of_the_work_does_not_matter(unbroken, crawl, tmp_path):
    begun(unbroken, tmp_path)
    run(crawl, tmp_path, Backwards())
    assert arrow_files(tmp_path) == arrow_files(unbroken[0])


@pytest.mark.parametrize("piece", ["merge-1-1", "labels", "members-20", "clusters-1"])
def test_a_run_killed_on_the_way_ends_with_the_same_bytes(unbroken, crawl, tmp_path, piece):
    did = begun(unbroken, tmp_path)
    stop = did.index(f"bucket 1/{piece}")
    with pytest.raises(KeyboardInterrupt):
        run(crawl, tmp_path, InProcess(stop_after=stop))
    again = run(crawl, tmp_path)
    assert again == did[stop:]
    assert arrow_files(tmp_path) == arrow_files(unbroken[0])
