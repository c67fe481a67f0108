"""Runs whose folder or input lies on object storage, against a server of the test's own."""

from __future__ import annotations

import io
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml
from rich.console import Console

from examples.crawl_site import crawl
from pipelines.card import write_card
from pipelines.folder import RunFolder, folder_at, write_json
from pipelines.job import run_recipe
from pipelines.mill import Result, mill
from pipelines.plan import explain
from pipelines.progress import Display
from pipelines.recipe import Recipe, build_recipe
from pipelines.report import write_report
from pipelines.single import stage_recipe
from stages.errors import StorageError
from stages.places import place
from stages.shards import verify
from tests.digests import digest, digests
from tests.in_process import InProcess
from tests.object_storage import BUCKET, counted, s3_server
from tests.pipelines.synthetic_run import synthetic_run

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "examples" / "site"
JSONL = "stages.sources.read_jsonl.ReadJsonl"
RUNS = f"s3://{BUCKET}/runs"
RECIPE = """
name: stored
source: {use: stages.sources.read_warc.ReadWarc}
steps:
  - use: stages.extract_page.ExtractPage
  - use: filters.page_status.PageStatus
  - use: stages.dedup.minhash.MinHashDedup
  - use: stages.fetch_media.FetchMedia
  - use: stages.probe_media.ProbeMedia
  - use: filters.media_status.MediaStatus
  - use: stages.tokenize_sample.TokenizeSample
    processor: tiny
write: {use: stages.write_shards.WriteShards}
"""
DATA = (".parquet", ".arrow", ".pack")


@pytest.fixture(scope="module")
def server():
    with s3_server() as server:
        yield server


@pytest.fixture(scope="module")
def crawls(tmp_path_factory):
    """A folder of two small crawls, parts of the example site: each file is a unit."""
    folder = tmp_path_factory.mktemp("crawls")
    for number, parts in enumerate((("garden", "maps"), ("garden", "mills"))):
        site = folder / f"site-{number}"
        for part in (*parts, "images"):
            shutil.copytree(SITE / part, site / part)
        crawl(site, folder / f"site-{number}.warc.gz")
    return folder


@pytest.fixture(scope="module")
def here(crawls, tmp_path_factory):
    """The folder of a local run."""
    root = tmp_path_factory.mktemp("runs") / "here"
    run(recipe_of(str(crawls)), RunFolder(root=root))
    return root


def recipe_of(*paths: str) -> Recipe:
    return build_recipe(yaml.safe_load(RECIPE), "test", read=paths)


def run(recipe: Recipe, folder: RunFolder, workers: InProcess | None = None) -> Result:
    display = Display(console=Console(file=io.StringIO()))
    return mill(recipe, folder, workers or InProcess(), display)


def data(contents: dict[str, bytes]) -> dict[str, str]:
    return {name: digest(content) for name, content in contents.items() if name.endswith(DATA)}


def local_data(root: Path) -> dict[str, str]:
    return digests((path for path in root.rglob("*") if path.suffix in DATA), root)


def test_a_run_on_object_storage_leaves_the_bytes_of_a_local_one(server, crawls, here):
    result = run(recipe_of(str(crawls)), folder_at(f"{RUNS}/whole"))
    stored = server.objects("runs/whole")
    assert data(stored) == local_data(here)
    assert stored["shards/manifest.json"] == (here / "shards/manifest.json").read_bytes()
    assert verify(place(f"{RUNS}/whole/shards")) == ()
    assert result.counts[0].rows_in > 20
    assert not [name for name in stored if name.endswith((".tmp", ".started"))]


@pytest.mark.parametrize("after", [2, 6])
def test_a_run_that_was_killed_goes_on_where_it_was(server, crawls, here, after):
    folder = folder_at(f"{RUNS}/killed-{after}")
    broken, rest = InProcess(stop_after=after), InProcess()
    with pytest.raises(KeyboardInterrupt):
        run(recipe_of(str(crawls)), folder, broken)
    run(recipe_of(str(crawls)), folder, rest)
    assert not set(broken.did) & set(rest.did)
    assert data(server.objects(f"runs/killed-{after}")) == local_data(here)


def test_a_run_that_is_done_is_looked_through_with_one_listing_a_segment(server, crawls):
    folder, again = folder_at(f"{RUNS}/again"), InProcess()
    run(recipe_of(str(crawls)), folder)
    with counted() as requests:
        run(recipe_of(str(crawls)), folder, again)
    assert again.did == []
    assert requests.of("PUT") == 1  # the manifest
    assert not [line for line in requests.lines if "HEAD" in line and ".done" in line]
    assert len(requests.lines) < 60


def test_inputs_on_object_storage_give_the_rows_of_local_ones(server, crawls, here, tmp_path):
    for path in crawls.glob("*.warc.gz"):
        server.put(f"crawl/{path.name}", path.read_bytes())
    recipe = recipe_of(f"s3://{BUCKET}/crawl/*.warc.gz")
    assert [unit.path for unit in recipe.units] == [
        f"s3://{BUCKET}/crawl/site-{number}.warc.gz" for number in (0, 1)
    ]
    run(recipe, RunFolder(root=tmp_path / "run"))
    found, wanted = local_data(tmp_path / "run"), local_data(here)
    packs = [name for name in wanted if name.endswith(".pack")]
    assert [found[name] for name in packs] == [wanted[name] for name in packs]
    assert texts_of(tmp_path / "run") == texts_of(here)


def texts_of(root: Path) -> list[object]:
    """Return what the shards say, but for the names of the input files."""
    paths = sorted((root / "shards").glob("*.parquet"))
    columns = ["id", "messages", "images", "input_ids", "meta"]
    return [row for path in paths for row in pq.read_table(path, columns=columns).to_pylist()]


def test_an_input_that_changed_is_read_again(server, tmp_path):
    def read() -> list[str]:
        recipe = build_recipe({"source": {"use": JSONL, "paths": [path]}, "steps": []}, "test")
        workers = InProcess()
        run(recipe, RunFolder(root=tmp_path / "run"), workers)
        return workers.did

    path = server.put("changing/a.jsonl", b'{"text": "a mill"}')
    assert [read(), read()] == [["unit 1/0"], []]
    server.put("changing/a.jsonl", b'{"text": "a mule"}')
    assert read() == ["unit 1/0"]


def test_shards_on_object_storage_are_input_again(server, crawls, here):
    folder = folder_at(f"{RUNS}/again-as-input")
    run(recipe_of(str(crawls)), folder)
    steps = [
        {"use": "stages.probe_media.ProbeMedia"},
        {"use": "filters.media_status.MediaStatus"},
        {"use": "stages.tokenize_sample.TokenizeSample", "processor": "tiny"},
    ]
    source = {"use": "stages.sources.read_parquet.ReadParquet", "paths": [str(folder.shards)]}
    content = {"source": source, "steps": steps, "write": "stages.write_shards.WriteShards"}
    second = folder_at(f"{RUNS}/second")
    run(build_recipe(content, "test"), second)
    first, again = (server.objects(f"runs/{name}/shards") for name in ("again-as-input", "second"))
    tables = [pq.read_table(io.BytesIO(each["part-00000.parquet"])) for each in (first, again)]
    assert tables[0].column("images").to_pylist() == tables[1].column("images").to_pylist()
    assert tables[0].column("input_ids").equals(tables[1].column("input_ids"))


def test_card_report_and_plan_of_a_run_on_object_storage(server, tmp_path):
    local = tmp_path / "run"
    synthetic_run(local)
    for path in local.rglob("*"):
        if path.is_file():
            server.put(f"runs/told/{path.relative_to(local)}", path.read_bytes())
    folder = folder_at(f"{RUNS}/told")
    assert str(write_card(folder)) == f"{RUNS}/told/card/README.md"
    write_card(RunFolder(root=local))
    write_report(folder)
    write_report(RunFolder(root=local))
    stored = server.objects("runs/told")
    for name in ("card/README.md", "card/pictures.png", "card/croissant.json", "report.html"):
        assert digest(stored[name]) == digest((local / name).read_bytes())


def test_a_run_does_not_read_what_it_would_write_over(server):
    path = server.put("runs/own/shards/a.jsonl", b'{"text": "a mill"}')
    recipe = build_recipe({"source": {"use": JSONL, "paths": [path]}, "steps": []}, "test")
    with pytest.raises(StorageError, match="lies in the run folder s3://"):
        run_recipe(recipe, folder_at(f"{RUNS}/own"))


def test_the_rows_of_a_run_on_object_storage_go_through_one_operator(server, crawls, tmp_path):
    run(recipe_of(str(crawls)), (first := folder_at(f"{RUNS}/first")))
    write_json(first.root / "run.json", {"segments": [{}, {}, {}]})
    out = folder_at(f"{RUNS}/one")
    recipe = stage_recipe("stages.probe_media.ProbeMedia", [str(first.root)], [], out.root)
    assert "1 of 2 units" not in explain(recipe, out)
    result = run(recipe, out)
    assert result.counts[-1].rows_out > 0
    packs = [name for name in server.objects("runs/one") if name.endswith(".pack")]
    assert packs


def test_a_run_on_ray_is_killed_and_goes_on(server, crawls, here, tmp_path):
    recipe, out = tmp_path / "recipe.yaml", f"{RUNS}/ray"
    recipe.write_text(RECIPE)
    command = [sys.executable, "-m", "pipelines.cli", "run", str(recipe), "--read", str(crawls)]
    command += ["--out", out, "--cpus", "1"]
    first = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    while not any(name.endswith(".done") for name in server.names("runs/ray")):
        assert first.poll() is None
        time.sleep(0.05)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    done = {name for name in server.names("runs/ray") if name.endswith(".done")}
    second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert second.returncode == 0, second.stderr
    assert "done before" in second.stderr
    stored = server.objects("runs/ray")
    assert done <= stored.keys()
    assert data(stored) == local_data(here)
    assert {"report.html", "card/README.md", "run.json", "recipe.yaml"} <= stored.keys()
    assert ".lock" not in stored
