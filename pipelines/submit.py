"""Recipes sent to a cluster from outside: as a job of its own, or for as long as one watches.

Either way everything happens in the cluster: it sees the input and the run folder, this
machine need not. This folder goes along, with the recipe wherever that lies.
"""

from __future__ import annotations

import asyncio
import shlex
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path, PurePosixPath
from typing import Any

from pipelines.cluster import connect, import_ray
from pipelines.package import packed
from pipelines.recipe import load_recipe
from pipelines.tasks import checked, told
from stages.errors import QuernError, RecipeError

SENT = "sent"  # folder of the recipe in the cluster's copy of this folder
EVERY_S = 0.5
AGENT_WAIT_S = 90  # for the agent that starts jobs, after a cluster has come up
Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Request:
    """A run that is asked of a cluster.

    Attributes:
        recipe: the recipe's file, here.
        out: the run folder, as the cluster's nodes see it.
        read: inputs, as the nodes see them.
        settings: `place=value` overrides.
        tiny: use the small bundled models.
        retry: ask again first what failed for the moment.
    """

    recipe: Path
    out: str
    read: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    tiny: bool = False
    retry: bool = False

    def check(self) -> None:
        """Check the recipe as far as that goes without its input.

        Raises:
            RecipeError: naming every fault.
        """
        faults = [
            f"{option} {path!r} must be an absolute path or a URI, as the cluster's nodes see it"
            for option, path in [("--out", self.out), *(("--read", each) for each in self.read)]
            if "://" not in path and not PurePosixPath(path).is_absolute()
        ]
        if faults:
            raise RecipeError("quern submit", faults)
        load_recipe(self.recipe, read=self.read, settings=self.settings, tiny=self.tiny, here=False)

    @property
    def beside(self) -> dict[str, str]:
        """Return the file that travels with the folder: the recipe."""
        return {f"{SENT}/{self.recipe.name}": self.recipe.read_text(encoding="utf-8")}

    @property
    def command(self) -> list[str]:
        """Return the arguments of `quern` that do it, in the folder in the cluster."""
        many = [("--read", each) for each in self.read] + [
            ("--set", each) for each in self.settings
        ]
        return [
            *("run", f"{SENT}/{self.recipe.name}", "--address", "auto", "--out", self.out),
            *(word for pair in many for word in pair),
            *(["--tiny"] if self.tiny else []),
            *(["--retry-failed"] if self.retry else []),
        ]


def submit(request: Request, address: str, say: Say, *, wait: bool = True) -> int:
    """Hand a run to the job server of a cluster and follow it; return its exit code.

    Args:
        request: what to run.
        address: of the job server, http://HEAD:8265.
        say: takes text as it comes.
        wait: whether to follow the job to its end.

    Raises:
        RecipeError: when the recipe cannot run anywhere.
        QuernError: when the job server cannot be reached or refuses.
    """
    request.check()
    client = _client(address)
    with packed(request.beside) as folder:
        entrypoint = shlex.join(["python", "-m", "pipelines.cli", *request.command])
        environment = {"working_dir": str(folder), "env_vars": {"PYTHONUNBUFFERED": "1"}}
        job = _submitted(client, entrypoint, environment, address)
    say(f"job {job}\n")
    if not wait:
        say(_how_to(job, address))
        return 0
    try:
        _follow(client, job, say)
        return _exit_code(client, job)
    except KeyboardInterrupt:
        say(f"\nthe job goes on\n{_how_to(job, address)}")
        raise


def _submitted(client: Any, entrypoint: str, environment: dict[str, Any], address: str) -> str:
    """Return the job's id; a cluster that has just started may have no agent for it yet."""
    last = time.monotonic() + AGENT_WAIT_S
    while True:
        try:
            return str(client.submit_job(entrypoint=entrypoint, runtime_env=environment))
        except Exception as error:
            if "No available agent" not in str(error) or time.monotonic() > last:
                raise _unreachable(address, error) from error
            time.sleep(1)


def _client(address: str) -> Any:
    import_ray()
    from ray.job_submission import JobSubmissionClient

    try:
        return JobSubmissionClient(address)
    except Exception as error:
        raise _unreachable(address, error) from error


def _unreachable(address: str, error: Exception) -> QuernError:
    said = (str(error).strip() or type(error).__name__).splitlines()[0]
    return QuernError(
        f"the job server at {address} does not take the job: {said}. It is part of the dashboard "
        f"of the cluster's head, http://HEAD:8265 (a tunnel: ray dashboard cluster.yaml); its "
        f"token must be here, as RAY_AUTH_TOKEN or .ray/auth_token in the home folder"
    )


def _how_to(job: str, address: str) -> str:
    return (
        f"  follow  ray job logs {job} --follow --address {address}\n"
        f"  stop    ray job stop {job} --address {address}\n"
    )


def _follow(client: Any, job: str, say: Say) -> None:
    """Hand on the job's log until it ends, also when the connection breaks meanwhile."""
    shown = 0

    async def tail() -> None:
        nonlocal shown
        passed = 0
        async for text in client.tail_job_logs(job):
            new = text[max(0, shown - passed) :]
            passed += len(text)
            shown = max(shown, passed)
            say(new)

    while not client.get_job_status(job).is_terminal():
        try:
            asyncio.run(tail())
        except RuntimeError:  # the log starts anew, `shown` tells what of it is old
            time.sleep(EVERY_S)


def _exit_code(client: Any, job: str) -> int:
    """Return the exit code of a job that has ended.

    Raises:
        QuernError: when it was stopped, or never started.
    """
    info = client.get_job_info(job)
    if info.status == "SUCCEEDED":
        return 0
    if info.status == "FAILED" and info.driver_exit_code and info.driver_exit_code > 0:
        return int(info.driver_exit_code)
    message = (info.message or "").strip().partition("\n")[0]
    raise QuernError(f"job {job} is {info.status.lower()}: {message}")


def run_from_client(request: Request, address: str, say: Say) -> None:
    """Run in a cluster for as long as this process lives; what stops it is raised here.

    Ray Data does not work through a Ray client, so the run itself happens in an actor.

    Args:
        request: what to run.
        address: of the cluster's client server, ray://HEAD:10001.
        say: takes text as it comes.

    Raises:
        QuernError: what stopped the run, or that the cluster cannot be joined.
    """
    request.check()
    import_ray()
    import ray

    with packed(request.beside) as folder:
        connect(address, {"working_dir": str(folder)})
    remote: Any = ray.remote(_There)
    actor = remote.options(num_cpus=0, max_concurrency=2).remote()
    try:
        running = actor.run.remote(request.command)
        done: list[Any] = []
        while not done:
            done, _ = ray.wait([running], timeout=EVERY_S)
            say(ray.get(actor.said.remote()))
        checked(ray.get(running))
    finally:
        ray.kill(actor)
        ray.shutdown()


class _There:
    """Runs a recipe in a process of the cluster and keeps what it says until it is asked."""

    def __init__(self) -> None:
        self._text, self._told = StringIO(), 0

    def run(self, command: list[str]) -> Any:
        """Run the command; return the error that stopped it, or nothing."""
        with redirect_stdout(self._text), redirect_stderr(self._text):
            return told(_command_line, command)

    def said(self) -> str:
        """Return what was said since the last call."""
        text = self._text.getvalue()[self._told :]
        self._told += len(text)
        return text


def _command_line(command: list[str]) -> None:
    from pipelines.cli import app  # which imports this module

    sys.argv[1:] = command  # run.json tells it
    app(command, standalone_mode=False)
