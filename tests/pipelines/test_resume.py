"""Killing a run and giving the same command again: the rows and bytes of an unbroken run."""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from examples.crawl_site import crawl
from pipelines.folder import RunFolder
from stages.errors import StorageError

ROOT = Path(__file__).resolve().parents[2]
COPIES = 6
RECIPE = """
name: resume
source: {use: stages.sources.read_warc.ReadWarc}
steps:
  - use: stages.extract_page.ExtractPage
  - use: filters.page_status.PageStatus
  - use: filters.word_count.WordCount
  - use: stages.dedup.minhash.MinHashDedup
  - use: stages.fetch_media.FetchMedia
  - use: stages.probe_media.ProbeMedia
  - use: filters.media_status.MediaStatus
  - use: stages.tokenize_sample.TokenizeSample
    processor: tiny
write: {use: stages.write_shards.WriteShards}
"""


@pytest.fixture(scope="module")
def crawls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of crawls of the example site: each file is a unit, all hold the same pages."""
    folder = tmp_path_factory.mktemp("crawls")
    first = crawl(ROOT / "examples" / "site", folder / "site-0.warc.gz")
    for copy in range(1, COPIES):
        shutil.copyfile(first, folder / f"site-{copy}.warc.gz")
    (folder / "recipe.yaml").write_text(RECIPE)
    return folder


def start(crawls: Path, out: Path) -> subprocess.Popen[bytes]:
    arguments = ["run", str(crawls / "recipe.yaml"), "--read", str(crawls / "*.warc.gz")]
    command = [sys.executable, "-m", "pipelines.cli", *arguments, "--out", str(out)]
    return subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=False
    )


def finish(crawls: Path, out: Path) -> None:
    process = start(crawls, out)
    _, errors = process.communicate(timeout=240)
    assert process.returncode == 0, errors.decode()


def signal_when(
    process: subprocess.Popen[bytes], number: signal.Signals, out: Path, pattern: str, count: int
) -> str:
    """Send the driver a signal as soon as `count` files match; return its last words."""
    deadline = time.monotonic() + 120
    while len(list(out.glob(pattern))) < count:
        assert process.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(process.pid, number)
    return process.communicate(timeout=60)[1].decode()


def data(out: Path) -> dict[str, str]:
    """Return the hash of every file of rows, decisions, media and shards, by its name."""
    files = [path for suffix in ("parquet", "arrow", "pack") for path in out.rglob(f"*.{suffix}")]
    named = {str(path.relative_to(out)): path.read_bytes() for path in files}
    return {name: hashlib.sha256(content).hexdigest() for name, content in named.items()}


def done(out: Path) -> dict[str, int]:
    """Return when each unit that is done was committed."""
    return {str(p.relative_to(out)): p.stat().st_mtime_ns for p in out.rglob("segments/*/*.done")}


@pytest.fixture(scope="module")
def unbroken(crawls: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    out = tmp_path_factory.mktemp("unbroken")
    finish(crawls, out)
    return data(out)


@pytest.mark.parametrize(("pattern", "count"), [("segments/1/*.done", 2), ("segments/3/*.done", 1)])
def test_a_killed_run_ends_with_the_bytes_of_an_unbroken_one(
    crawls: Path, unbroken: dict[str, str], tmp_path: Path, pattern: str, count: int
) -> None:
    signal_when(start(crawls, tmp_path), signal.SIGKILL, tmp_path, pattern, count)
    before = done(tmp_path)
    time.sleep(3)  # Ray's own processes notice within this time that the driver is gone
    finish(crawls, tmp_path)
    assert data(tmp_path) == unbroken
    assert before
    assert before.items() <= done(tmp_path).items(), "a finished unit was done again"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_told_to_stop_says_how_to_go_on(
    crawls: Path, tmp_path: Path, number: signal.Signals
) -> None:
    process = start(crawls, tmp_path)
    said = signal_when(process, number, tmp_path, "segments/1/*.started", 1)
    assert process.returncode == 130
    assert said.endswith("shows how far it came, the same command goes on from there\n")
    assert "***" not in said  # Ray's dump of its stack


def test_only_one_run_may_use_a_folder(tmp_path: Path) -> None:
    folder = RunFolder(root=tmp_path)
    with (
        folder.lock(),
        pytest.raises(StorageError, match="another quern run is at work"),
        folder.lock(),
    ):
        pass
