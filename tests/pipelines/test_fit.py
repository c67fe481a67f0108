"""A Regroup that fits: centroids of the whole run, rows dealt out by them, whatever happens."""

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from pipelines.decided import read_decisions
from pipelines.fit import fit_levels, is_fitting
from pipelines.folder import RunFolder
from pipelines.mill import mill
from pipelines.plan import bucket_count
from pipelines.progress import Display
from pipelines.recipe import build_recipe
from stages.embeddings import with_embeddings
from stages.files import read_table
from stages.record import table_of
from stages.stage import Regroup
from tests.digests import digests
from tests.fakes import SameText, sample
from tests.in_process import InProcess

PAGES = 48
STEP = {"use": "stages.dedup.semantic.SemanticDedup", "clusters": 4, "threshold": 0.97}


def vectors():
    """Return a unit vector for each of some pictures: every kind has three that are alike."""
    draw = np.random.default_rng(5)
    kinds = draw.normal(size=(20, 32))
    near = np.repeat(kinds, 3, axis=0) + draw.normal(0, 0.05, (60, 32))
    near /= np.linalg.norm(near, axis=1, keepdims=True)
    return {f"{number:064x}": vector for number, vector in enumerate(near)}


def written(folder, units):
    """Write a run of pages with two pictures each as so many Parquet files."""
    draw, known = np.random.default_rng(6), vectors()
    names = list(known)
    shown = [[{"sha256": names[i]} for i in draw.integers(0, 60, 2)] for _ in range(PAGES)]
    rows = [sample(f"{n:x}", f"page {n}", media=media) for n, media in enumerate(shown)]
    for unit, part in enumerate(np.array_split(np.arange(PAGES), units)):
        table = with_embeddings(table_of([rows[i] for i in part]), "clip", known)
        pq.write_table(table, folder / f"{unit:02d}.parquet")


def run(crawl, root, workers=None):
    source = {"use": "stages.sources.read_parquet.ReadParquet", "paths": [str(crawl)]}
    recipe = build_recipe({"source": source, "steps": [STEP]}, "test.yaml")
    workers = workers or InProcess()
    mill(recipe, RunFolder(root=root), workers, Display(console=Console(file=io.StringIO())))
    return workers.did


def kept(root):
    """Return id and pictures of each row that is left, in order."""
    files = sorted((root / "segments" / "2").glob("*.kept.parquet"))
    table = pa.concat_tables([read_table(file) for file in files])
    shown = table.column("media").to_pylist()
    return [
        (id_, [medium["sha256"] for medium in media])
        for id_, media in zip(table.column("id").to_pylist(), shown, strict=True)
    ]


def arrow_files(root):
    return digests(root.rglob("*.arrow"), root)


@pytest.fixture(scope="module")
def crawl(tmp_path_factory):
    folder = tmp_path_factory.mktemp("crawl")
    written(folder, 6)
    return folder


@pytest.fixture(scope="module")
def unbroken(crawl, tmp_path_factory):
    root = tmp_path_factory.mktemp("unbroken")
    return root, run(crawl, root)


def test_the_run_fits_then_deals_then_decides(unbroken):
    _, did = unbroken
    pieces = [name.removeprefix("bucket 1/") for name in did if name.startswith("bucket")]
    deals = [f"deal-{unit}" for unit in range(6)]
    assert pieces == ["fit", *deals, *map(str, range(bucket_count(6)))]
    assert fit_levels(6) == [["fit"], deals]
    assert [is_fitting(name) for name in ("fit", "deal-3", "3", "labels")] == [1, 1, 0, 0]


def test_every_picture_dropped_has_its_like_among_the_kept(unbroken):
    root, _ = unbroken
    known, rows = vectors(), kept(root)
    assert len(rows) == PAGES, "the pages stay"
    left = np.array([known[name] for _, shown in rows for name in shown])
    alike = left @ left.T - np.eye(len(left))
    assert len(left) < 2 * PAGES
    assert alike.max() < 0.9701, "of those alike, one is left: they share a cluster here"
    files = [str(bucket) for bucket in range(bucket_count(6))]
    decided = [read_decisions(RunFolder(root=root), 1, unit, files) for unit in range(6)]
    assert len(left) + sum(table.num_rows for table in decided) == 2 * PAGES


@pytest.mark.parametrize("units", [1, 13])
def test_the_result_does_not_hang_on_the_number_of_units(unbroken, tmp_path, units):
    (tmp_path / "in").mkdir()
    written(tmp_path / "in", units)
    run(tmp_path / "in", tmp_path / "out")
    assert kept(tmp_path / "out") == kept(unbroken[0])


@pytest.mark.parametrize("piece", ["fit", "deal-3", "1"])
def test_a_run_killed_on_the_way_ends_with_the_same_bytes(unbroken, crawl, tmp_path, piece):
    did = unbroken[1]
    stop = did.index(f"bucket 1/{piece}")
    with pytest.raises(KeyboardInterrupt):
        run(crawl, tmp_path, InProcess(stop_after=stop))
    assert run(crawl, tmp_path) == did[stop:]
    assert arrow_files(tmp_path) == arrow_files(unbroken[0])


@pytest.mark.parametrize("call", [lambda r: Regroup.fit(r, None), lambda r: r.place(None, None)])
def test_a_regroup_that_claims_to_fit_and_cannot_is_named(call):
    with pytest.raises(TypeError, match="SameText sets fits but has no"):
        call(SameText())
