"""Whatever is killed, and whenever: exactly the files of an unbroken run, and nothing done twice.

Two moments in the suite, where `test_cluster` takes a node away, too. Ten, and other ones:

    QUERN_CHAOS=10 QUERN_CHAOS_SEED=1 pytest tests/pipelines/test_chaos.py
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from examples.crawl_site import crawl
from pipelines.folder import RunFolder
from pipelines.mill import mill
from pipelines.progress import Display
from pipelines.recipe import load_recipe
from tests.digests import digests
from tests.in_process import InProcess
from tests.three_nodes import ThreeNodes, three_nodes

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "examples" / "site"
MOMENTS = int(os.environ.get("QUERN_CHAOS", "2"))
SEED = os.environ.get("QUERN_CHAOS_SEED", "0")
UNITS = 6
DATA = (".parquet", ".arrow", ".pack")
RECIPE = """
name: chaos
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
    """A folder with a recipe and crawls of the example site, each with words of its own."""
    folder = tmp_path_factory.mktemp("crawls")
    for number in range(UNITS):
        site = folder / f"site-{number}"
        shutil.copytree(SITE, site)
        for page in sorted(site.rglob("*.html"))[number % 2 :: 2]:
            page.write_bytes(page.read_bytes().replace(b" the ", b" the%d " % number))
        crawl(site, folder / f"site-{number}.warc.gz")
        shutil.rmtree(site)
    (folder / "recipe.yaml").write_text(RECIPE)
    return folder


@pytest.fixture(scope="module")
def unbroken(crawls: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run in one process that nothing happened to."""
    out = tmp_path_factory.mktemp("unbroken")
    recipe = load_recipe(crawls / "recipe.yaml", read=[str(crawls / "*.warc.gz")])
    mill(recipe, RunFolder(root=out), InProcess(), Display())
    return out


@pytest.fixture(scope="module")
def nodes() -> Iterator[ThreeNodes]:
    with three_nodes() as started:
        yield started


def arguments(crawls: Path, out: Path) -> list[str]:
    return ["run", str(crawls / "recipe.yaml"), "--read", f"{crawls}/*.warc.gz", "--out", str(out)]


def start(crawls: Path, out: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "pipelines.cli", *arguments(crawls, out)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    return subprocess.Popen(command, cwd=ROOT, text=True, **pipes)


def data(out: Path) -> dict[str, str]:
    """Return the digest of every file of rows, decisions, media and shards."""
    return digests((path for path in out.rglob("*") if path.suffix in DATA), out)


def done(out: Path) -> dict[str, int]:
    """Return when each piece of work that is done was committed, ns."""
    found = {}
    for path in out.glob("segments/**/*.done"):
        found[str(path.relative_to(out))] = path.stat().st_mtime_ns
    return found


def wait(
    run: subprocess.Popen[str], out: Path, chance: random.Random, pieces: int
) -> dict[str, int]:
    """Wait for a random moment, after some piece of work or before the first; see `done`."""
    wanted, pause = chance.randrange(pieces), chance.uniform(0, 0.5)
    deadline = time.monotonic() + 200
    while run.poll() is None and len(done(out)) < wanted and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(pause)
    return done(out)


def kill_worker(run: subprocess.Popen[str], chance: random.Random) -> None:
    """Kill a worker process of the run, one that works if any does."""
    deadline = time.monotonic() + 60
    while run.poll() is None and time.monotonic() < deadline:
        titles = {each: _title(each) for each in psutil.Process(run.pid).children(recursive=True)}
        workers = [each for each, title in titles.items() if _is_worker(title)]
        busy = [each for each in workers if "IDLE" not in titles[each]]
        if workers:
            os.kill(chance.choice(busy or workers).pid, signal.SIGKILL)
            return
        time.sleep(0.05)


def _is_worker(title: str) -> bool:
    return title.startswith("ray::") and not title.endswith("Agent")


def _title(process: psutil.Process) -> str:
    try:
        return (process.cmdline() or [""])[0]
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return ""


def ends_well(run: subprocess.Popen[str]) -> None:
    said, _ = run.communicate(timeout=280)
    assert run.returncode == 0, said


def through_driver(crawls: Path, out: Path, chance: random.Random, pieces: int) -> dict[str, int]:
    """Kill the driver and start the run again; return what was done when it was killed."""
    run = start(crawls, out)
    before = wait(run, out, chance, pieces)
    run.kill()
    run.communicate()
    ends_well(start(crawls, out))  # at once: workers of the dead driver may still be there
    return before


def through_worker(crawls: Path, out: Path, chance: random.Random, pieces: int) -> dict[str, int]:
    """Kill a worker; return what was done by then."""
    run = start(crawls, out)
    before = wait(run, out, chance, pieces)
    kill_worker(run, chance)
    ends_well(run)
    return before


def through_node(
    nodes: ThreeNodes, crawls: Path, out: Path, chance: random.Random, pieces: int
) -> dict[str, int]:
    """Take a node of the cluster away; return what was done by then."""
    run = nodes.quern(*arguments(crawls, out), "--address", nodes.address)
    before = wait(run, out, chance, pieces)
    nodes.remove_node()
    ends_well(run)
    nodes.restore_node()
    return before


@pytest.mark.parametrize("number", range(MOMENTS))
def test_a_kill_at_a_random_moment_changes_nothing(
    crawls: Path,
    unbroken: Path,
    tmp_path: Path,
    number: int,
    request: pytest.FixtureRequest,
) -> None:
    chance, whole = random.Random(f"{SEED}/{number}"), done(unbroken)
    moment = (crawls, tmp_path, chance, len(whole))
    match number % 3:
        case 0:
            before = through_driver(*moment)
        case 1:
            before = through_worker(*moment)
        case _:
            before = through_node(request.getfixturevalue("nodes"), *moment)
    assert data(tmp_path) == data(unbroken)
    assert done(tmp_path).keys() == whole.keys()
    assert before.items() <= done(tmp_path).items(), "a finished piece of work was done again"
    assert not list(tmp_path.rglob("*.tmp"))
