"""The lock of a run folder: one run at a time, on a local disk or on object storage."""

from __future__ import annotations

import fcntl
import json
import os
import platform
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from stages.errors import StorageError
from stages.places import AnyPath, reached, read_bytes, remove

NAME: Final = ".lock"
BEAT_S: Final = 20.0
DEAD_S: Final = 120.0
"""Time without a heartbeat after which the holder of a lock counts as dead."""
SETTLE_S: Final = 1.0
"""Time for others who take over the same lock to show themselves."""


@contextmanager
def locked(root: AnyPath) -> Iterator[None]:
    """Hold the folder for this process; nothing that the process leaves behind holds it.

    Raises:
        StorageError: when another process runs in the folder, or it cannot be written.
    """
    with ExitStack() as stack:
        stack.enter_context(_flock(root) if isinstance(root, Path) else _lock_object(root / NAME))
        yield


@contextmanager
def _flock(root: Path) -> Iterator[None]:
    try:
        root.mkdir(parents=True, exist_ok=True)
        handle = (root / NAME).open("w")
    except OSError as error:
        raise StorageError(
            f"cannot write to {root}: {error.strerror}; name another folder with --out"
        ) from error
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StorageError(_held(root, "another quern run")) from error
        yield


def _held(root: AnyPath, who: str) -> str:
    return f"{who} is at work in {root}; wait for it, end it, or name another folder with --out"


@contextmanager
def _lock_object(path: AnyPath) -> Iterator[None]:
    """Hold an object that says who holds it, and since when he was last seen alive.

    The first to put it there has it, where the store refuses to put over what is there (S3
    does). A dead holder's is put over; the pause shows whether somebody else did so, too.
    """
    mine = {"host": platform.node(), "pid": os.getpid(), "token": os.urandom(8).hex()}
    if not _put_first(path, mine):
        holder = _holder(path)
        if _is_alive(holder):
            raise StorageError(
                _held(path.parent, f"another quern run ({_name(holder)}, seen {holder['seen']})")
                + f"; it counts as dead after {DEAD_S:.0f} s in silence"
            )
        _put(path, mine)
        time.sleep(SETTLE_S)
        if (holder := _holder(path)).get("token") != mine["token"]:
            raise StorageError(_held(path.parent, f"another quern run ({_name(holder)})"))
    ended = threading.Event()
    beat = threading.Thread(target=_beat, args=(path, mine, ended), daemon=True)
    beat.start()
    try:
        yield
    finally:
        ended.set()
        beat.join()
        if _holder(path).get("token") == mine["token"]:
            remove([path])


def _beat(path: AnyPath, mine: dict[str, Any], ended: threading.Event) -> None:
    while not ended.wait(BEAT_S):
        try:
            _put(path, mine)
        except StorageError:  # the run itself finds out, should the store stay away
            continue


def _content(mine: dict[str, Any]) -> bytes:
    seen = datetime.now(UTC).isoformat(timespec="seconds")
    return json.dumps({**mine, "seen": seen}).encode()


def _put_first(path: AnyPath, mine: dict[str, Any]) -> bool:
    """Put the lock where none is; return whether that succeeded."""
    assert not isinstance(path, Path)
    with reached(path, "write"):
        try:
            path.fs.pipe_file(path.path, _content(mine), mode="create")
        except FileExistsError:
            return False
    return True


def _put(path: AnyPath, mine: dict[str, Any]) -> None:
    assert not isinstance(path, Path)
    with reached(path, "write"):
        path.fs.pipe_file(path.path, _content(mine))


def _holder(path: AnyPath) -> dict[str, Any]:
    """Return what the lock says, nothing when it is gone or says nothing."""
    try:
        content = json.loads(read_bytes(path))
    except (FileNotFoundError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _name(holder: dict[str, Any]) -> str:
    return f"process {holder.get('pid')} on {holder.get('host')}"


def _is_alive(holder: dict[str, Any]) -> bool:
    """Tell whether the holder may still be at work; on this machine, its process says so."""
    try:
        seen = datetime.fromisoformat(holder["seen"])
        if holder["host"] == platform.node() and not Path(f"/proc/{holder['pid']}").exists():
            return False
    except (KeyError, TypeError, ValueError):
        return False
    return (datetime.now(UTC) - seen).total_seconds() < DEAD_S
