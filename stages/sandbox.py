"""Run a function on hostile input in a child process with limits of time and memory.

The child is started once and fed a few items ahead over pipes, as length-prefixed pickles. One
that overruns its time is killed, and costs only the item it was working on: the items behind it
go to its successor. A child whose parent is gone ends at the end of its input, or by its own
alarm clock if it hangs.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import pickle
import resource
import select
import signal
import subprocess
import sys
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import IO, Any, Final, Literal

from stages.errors import NotReadyError

START_ATTEMPTS: Final = 3
START_PAUSE_S: Final = 1.0
START_TIMEOUT_S: Final = 300.0
"""Time for a child to import and prepare its function on a busy machine, seconds."""
AHEAD: Final = 4
"""Items sent before the answer to the first is in, so that the child never waits."""
_CHUNK: Final = 1 << 20
_HEADER: Final = 8
_GARBAGE_AFTER: Final = 50_000  # objects; looking for cycles more often costs a tenth of the time
_GRACE_S: Final = 5  # how much later than the parent the child's own alarm rings


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why an item has no result.

    Attributes:
        kind: timeout; died (crashed, or was killed for its memory); error (it raised).
        detail: for people: the limit, the exit status or the exception.
    """

    kind: Literal["timeout", "died", "error"]
    detail: str


def children_cpu_s() -> float:
    """Return the CPU seconds that this process's living children took so far, 0 off Linux."""
    found = 0.0
    for child in list(_CHILDREN):
        if child.process.returncode is None:
            with (
                contextlib.suppress(OSError),  # there is no /proc
                open(f"/proc/{child.process.pid}/stat", encoding="utf-8") as file,
            ):
                fields = file.read().rpartition(")")[2].split()
                found += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return found


class Sandbox:
    """A function that runs in a child process.

    Attributes:
        function: "module:name" of a function of one argument; both must pickle.
        timeout_s: time for one item, seconds.
        memory_bytes: address space of the child.
        prepare: "module:name" of a function without arguments that a child calls before any
            item's time runs, for what is compiled or loaded on first use; or empty.
    """

    def __init__(
        self, function: str, *, timeout_s: float, memory_bytes: int, prepare: str = ""
    ) -> None:
        self.function = function
        self.prepare = prepare
        self.timeout_s = timeout_s
        self.memory_bytes = memory_bytes
        self._child: _Child | None = None

    def map(self, items: Iterable[Any]) -> Iterator[Any]:
        """Yield the result, or a `Failure`, of each item in order.

        Raises:
            NotReadyError: when no child starts: no item is to blame.
        """
        source = iter(items)
        frames: deque[bytes] = deque()
        while True:
            while len(frames) < AHEAD and (item := next(source, _END)) is not _END:
                frames.append(_frame(item))
            if not frames:
                return
            child = self._child or self._start()
            answer = child.answer(frames, self.timeout_s)
            frames.popleft()
            if answer is None:
                yield self._bury(child)
            else:
                ok, value = pickle.loads(answer)
                yield value if ok else Failure(kind="error", detail=value)

    def close(self) -> None:
        """End the child; the next `map` starts another."""
        if self._child is not None:
            self._child.end()
            self._child = None

    def _start(self) -> _Child:
        limits = (str(self.timeout_s), str(self.memory_bytes))
        for attempt in range(START_ATTEMPTS):
            if attempt:
                time.sleep(START_PAUSE_S)  # files of the code may be on their way to this machine
            with contextlib.suppress(ChildProcessError):
                self._child = _Child([self.function, *limits, self.prepare])
                return self._child
        raise NotReadyError(
            f"the process that runs {self.function} did not start in {START_ATTEMPTS} attempts; "
            f"see its output above, and look whether memory and the code's files are there"
        )

    def _bury(self, child: _Child) -> Failure:
        self.close()
        if child.timed_out:
            return Failure(kind="timeout", detail=f"took longer than {self.timeout_s:g} s")
        code = child.process.returncode
        how = signal.Signals(-code).name if code < 0 else f"exit status {code}"
        limit = f"{self.memory_bytes / 1e6:.0f} MB"
        return Failure(kind="died", detail=f"{how}; its memory limit is {limit}")


_END: Final = object()


def _frame(value: object) -> bytes:
    data = pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)
    return len(data).to_bytes(_HEADER, "little") + data


class _Child:
    """A child process and what is under way to and from it.

    Attributes:
        process: the child.
        timed_out: whether it was given up for overrunning its time.
    """

    def __init__(self, arguments: list[str]) -> None:
        self.timed_out = False
        self._sent = 0  # frames at the head of the queue that the child has in full
        self._offset = 0  # bytes of the next one that it has
        self._received = bytearray()
        self._since = 0.0  # when it began with the frame at the head of the queue
        path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "stages.sandbox", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # A thread pool for linear algebra would eat the address space on a large machine.
            env={**os.environ, "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1"},
        )
        self.end = weakref.finalize(self, _end, self.process)
        _CHILDREN.add(self)
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self._to, self._from = self.process.stdin.fileno(), self.process.stdout.fileno()
        os.set_blocking(self._to, False)
        self._greet(arguments[0])

    def _greet(self, function: str) -> None:
        self._since = time.monotonic()
        if self.answer(deque(), START_TIMEOUT_S) is None:
            self.end()
            raise ChildProcessError(f"the sandbox for {function} did not start")

    def answer(self, frames: deque[bytes], timeout_s: float) -> bytes | None:
        """Send frames and return the answer to the first, None if the child is lost."""
        while True:
            found = self._take()
            if found is not None:
                self._sent = max(0, self._sent - 1)
                self._since = time.monotonic()
                return found
            working = self._sent > 0 or not frames
            wait_s = self._since + timeout_s - time.monotonic() if working else timeout_s
            has_more = self._sent < len(frames)
            readable, writable, _ = select.select(
                [self._from], [self._to] if has_more else [], [], max(0.0, wait_s)
            )
            if not readable and not writable:
                self.timed_out = True
                return None
            if writable and not self._send(frames[self._sent]):
                return None
            if readable and not self._receive():
                return None

    def _send(self, frame: bytes) -> bool:
        try:
            self._offset += os.write(self._to, memoryview(frame)[self._offset :][:_CHUNK])
        except BlockingIOError:
            return True
        except BrokenPipeError:
            return False
        if self._offset == len(frame):
            self._offset = 0
            self._sent += 1
            if self._sent == 1:
                self._since = time.monotonic()
        return True

    def _receive(self) -> bool:
        data = os.read(self._from, _CHUNK)
        self._received += data
        return bool(data)

    def _take(self) -> bytes | None:
        """Return the next whole frame received."""
        received = self._received
        stop = _HEADER + int.from_bytes(received[:_HEADER], "little")
        if len(received) < max(stop, _HEADER):
            return None
        found = bytes(received[_HEADER:stop])
        del received[:stop]
        return found


_CHILDREN: Final[weakref.WeakSet[_Child]] = weakref.WeakSet()


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill a child and reap it."""
    process.kill()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
    process.wait()


def _serve(function: Callable[[Any], Any], timeout_s: float, into: IO[bytes], out: int) -> None:
    """Answer frames until the input ends."""
    alarm_s = timeout_s + _GRACE_S
    _write(out, _frame("ready"))
    while header := into.read(_HEADER):
        data = into.read(int.from_bytes(header, "little"))
        signal.setitimer(signal.ITIMER_REAL, alarm_s)
        try:
            answer = _frame((True, function(pickle.loads(data))))
        except Exception as error:
            answer = _frame((False, f"{type(error).__name__}: {error}"[:500]))
        signal.setitimer(signal.ITIMER_REAL, 0)
        _write(out, answer)


def _write(out: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(out, view) :]


def _named(name: str) -> Callable[..., Any]:
    module, _, attribute = name.partition(":")
    function: Callable[..., Any] = getattr(importlib.import_module(module), attribute)
    return function


def main(name: str, timeout_s: str, memory_bytes: str, prepare: str) -> None:
    """Serve a function from a child process; what it prints goes to standard error."""
    resource.setrlimit(resource.RLIMIT_AS, (int(memory_bytes), int(memory_bytes)))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt is the parent's to handle
    out = os.dup(1)
    os.dup2(2, 1)
    function = _named(name)
    if prepare:
        _named(prepare)()
    gc.freeze()  # what was imported stays: do not look through it again and again
    gc.set_threshold(_GARBAGE_AFTER)
    _serve(function, float(timeout_s), sys.stdin.buffer, out)


if __name__ == "__main__":
    main(*sys.argv[1:])
