"""A run that is told to stop, and one that is not to start."""

import os
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
RECIPE = """
name: resume
source: {use: stages.sources.read_warc.ReadWarc}
steps:
  - use: stages.extract_page.ExtractPage
"""


@pytest.fixture(scope="module")
def crawls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a recipe and a crawl of the example site."""
    folder = tmp_path_factory.mktemp("crawls")
    crawl(ROOT / "examples" / "site", folder / "site.warc.gz")
    (folder / "recipe.yaml").write_text(RECIPE)
    return folder


def start(crawls: Path, out: Path) -> subprocess.Popen[bytes]:
    arguments = ["run", str(crawls / "recipe.yaml"), "--read", str(crawls / "*.warc.gz")]
    command = [sys.executable, "-m", "pipelines.cli", *arguments, "--out", str(out)]
    return subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=False
    )


def signal_when(
    process: subprocess.Popen[bytes], number: signal.Signals, out: Path, pattern: str
) -> str:
    """Send the driver a signal as soon as a file matches; return its last words."""
    deadline = time.monotonic() + 120
    while not any(out.glob(pattern)):
        assert process.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(process.pid, number)
    return process.communicate(timeout=60)[1].decode()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_told_to_stop_says_how_to_go_on(
    crawls: Path, tmp_path: Path, number: signal.Signals
) -> None:
    process = start(crawls, tmp_path)
    said = signal_when(process, number, tmp_path, "segments/1/*.started")
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
