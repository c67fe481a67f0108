import os
import signal
import subprocess
import sys
import time

import pytest

from stages.errors import NotReadyError
from stages.sandbox import Failure, Sandbox, children_cpu_s

SLOW_MACHINE_S = 30.0
MEMORY = 1 << 30


PREPARED = []


def prepare():
    """Take longer than an item may."""
    time.sleep(0.7)
    PREPARED.append("once")


def echo(item):
    """Act on what the item says."""
    if item == "hang":
        while True:
            pass
    if item == "burn":
        while time.process_time() < 0.3:
            pass
    if item == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if item == "raise":
        raise ValueError("no good")
    if item == "eat memory":
        return len(bytearray(2 * MEMORY))
    if item == "print":
        print("not a frame")
    if item == "prepared":
        return PREPARED
    if item == "pid":
        return os.getpid()
    return item


@pytest.fixture(params=[SLOW_MACHINE_S])
def sandbox(request):
    box = Sandbox(f"{__name__}:echo", timeout_s=request.param, memory_bytes=MEMORY)
    yield box
    box.close()


@pytest.fixture(autouse=True)
def _importable(monkeypatch):
    monkeypatch.syspath_prepend(os.path.dirname(__file__))


def test_results_come_back_in_order(sandbox):
    assert list(sandbox.map(range(20))) == list(range(20))


def test_items_are_read_only_a_few_ahead(sandbox):
    taken = []
    results = sandbox.map(taken.append(i) or i for i in range(100))
    next(results)
    results.close()
    assert len(taken) <= 5


def test_large_items_and_results_pass_both_ways_at_once(sandbox):
    items = [bytes([i]) * 3_000_000 for i in range(6)]
    assert list(sandbox.map(items)) == items


def test_the_child_stays_between_batches(sandbox):
    assert list(sandbox.map(["pid"])) == list(sandbox.map(["pid"]))


def test_what_raises_is_an_error_and_the_child_stays(sandbox):
    before, failure, after = sandbox.map(["pid", "raise", "pid"])
    assert failure == Failure(kind="error", detail="ValueError: no good")
    assert before == after


def test_a_death_costs_only_its_item(sandbox):
    results = list(sandbox.map([1, "die", 2, 3, 4, 5, 6]))
    assert [r for r in results if not isinstance(r, Failure)] == [1, 2, 3, 4, 5, 6]
    assert results[1].kind == "died"
    assert "SIGKILL" in results[1].detail


@pytest.mark.parametrize("sandbox", [0.5], indirect=True)
def test_a_hang_costs_only_its_item(sandbox):
    results = list(sandbox.map([1, "hang", 2, 3]))
    assert [getattr(r, "kind", r) for r in results] == [1, "timeout", 2, 3]


@pytest.mark.parametrize("sandbox", [0.5], indirect=True)
def test_time_that_the_caller_takes_is_not_the_items(sandbox):
    results = sandbox.map(range(6))
    first = next(results)
    time.sleep(0.7)
    assert [first, *results] == list(range(6))


def test_a_child_is_prepared_once_and_no_item_pays_for_it():
    prepare = f"{__name__}:prepare"
    box = Sandbox(f"{__name__}:echo", timeout_s=0.5, memory_bytes=MEMORY, prepare=prepare)
    assert list(box.map(["prepared", "prepared"])) == [["once"], ["once"]]
    box.close()


def test_memory_beyond_the_limit_is_refused(sandbox):
    failure, after = sandbox.map(["eat memory", "still here"])
    assert isinstance(failure, Failure)
    assert after == "still here"


def test_prints_do_not_disturb_the_answers(sandbox):
    assert list(sandbox.map(["print", "next"])) == ["print", "next"]


def test_a_function_that_cannot_be_imported_is_named():
    box = Sandbox("no_such_module:f", timeout_s=1.0, memory_bytes=MEMORY)
    with pytest.raises(NotReadyError, match="no_such_module:f"):
        list(box.map([1]))


def test_the_child_ends_with_its_parent():
    program = (
        "import os, sys; from stages.sandbox import Sandbox;"
        f"box = Sandbox('{__name__}:echo', timeout_s=30, memory_bytes={MEMORY});"
        "print(next(box.map(['pid'])), flush=True); os.kill(os.getpid(), 9)"
    )
    path = os.pathsep.join(sys.path)
    done = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, "PYTHONPATH": path}, capture_output=True
    )
    child = int(done.stdout)
    deadline = time.monotonic() + SLOW_MACHINE_S
    while _is_alive(child) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not _is_alive(child)


def _is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_what_a_living_child_used_is_told_and_what_a_dead_one_used_is_not(sandbox):
    before = children_cpu_s()
    list(sandbox.map(["burn"]))
    assert children_cpu_s() - before >= 0.2
    sandbox.close()
    assert children_cpu_s() <= before
