"""The lock of a run folder on object storage, and of one on a local disk."""

from __future__ import annotations

import json
import platform
import time
from contextlib import nullcontext
from unittest.mock import patch

import pytest

from pipelines import lock
from pipelines.folder import folder_at
from stages.errors import StorageError
from tests.object_storage import BUCKET, counted, s3_server

RUNS = f"s3://{BUCKET}/runs"


@pytest.fixture(scope="module")
def server():
    with s3_server() as server:
        yield server


def test_a_folder_at_work_refuses_a_second_run(server):
    folder = folder_at(f"{RUNS}/locked")
    with folder.lock():
        with pytest.raises(StorageError, match=r"another quern run \(process \d+ on .* is at work"):
            folder.lock().__enter__()
        assert server.objects("runs/locked").keys() == {".lock"}
    assert server.objects("runs/locked") == {}
    with folder.lock():
        assert server.objects("runs/locked").keys() == {".lock"}


@pytest.mark.parametrize(
    ("holder", "dead"),
    [
        ({"host": "elsewhere", "pid": 1, "seen": "2024-01-01T00:00:00+00:00"}, True),
        ({"host": "elsewhere", "pid": 1, "seen": "9999-01-01T00:00:00+00:00"}, False),
        ({"host": platform.node(), "pid": 1 << 22, "seen": "9999-01-01T00:00:00+00:00"}, True),
        ({}, True),
    ],
    ids=["silent", "seen lately", "process gone", "damaged"],
)
def test_the_lock_of_a_dead_holder_is_taken_over(server, holder, dead):
    server.put("runs/left/.lock", json.dumps(holder).encode())
    taken = nullcontext() if dead else pytest.raises(StorageError, match="on elsewhere")
    with patch.object(lock, "SETTLE_S", 0.0), taken, folder_at(f"{RUNS}/left").lock():
        assert b"token" in server.objects("runs/left")[".lock"]


def test_a_holder_shows_that_it_is_alive(server):
    beating = folder_at(f"{RUNS}/beating").lock()
    with patch.object(lock, "BEAT_S", 0.02), beating, counted() as requests:
        deadline = time.monotonic() + 10
        while requests.of("PUT") < 2 and time.monotonic() < deadline:
            time.sleep(0.02)
    assert requests.of("PUT") >= 2


def test_a_local_folder_at_work_refuses_a_second_run(tmp_path):
    held = folder_at(str(tmp_path / "run")).lock()
    with held, pytest.raises(StorageError, match="another quern run is at work"):
        folder_at(str(tmp_path / "run")).lock().__enter__()
    with folder_at(str(tmp_path / "run")).lock():
        assert (tmp_path / "run" / lock.NAME).exists()
