"""Ray sessions: one started on this machine, or a cluster that is there and is joined."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pipelines.package import packed
from pipelines.plan import ROOT
from pipelines.tasks import RETRIES
from stages.errors import QuernError, RecipeError

STORE_SHARE = 0.12  # of memory, for Ray's object store: rows do not pass through it
ENVIRONMENT = {
    "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_task_oom_retries": str(RETRIES),  # Ray's default is endless
}
JOB = "RAY_JOB_CONFIG_JSON_ENV_VAR"  # set by Ray for the driver of a submitted job


@contextmanager
def ray_session(cpus: int = 0, address: str = "") -> Iterator[None]:
    """Start Ray on this machine or join a cluster, unless that is done, and end it after.

    Args:
        cpus: cores to use on this machine; 0 uses all.
        address: of a cluster to join, `auto` or `host:port`; this machine must be one of it.

    Raises:
        RecipeError: when both are given.
        QuernError: when there is no such cluster.
    """
    if cpus and address:
        fault = "--cpus counts cores of this machine; leave it out to use a cluster's, --address"
        raise RecipeError("quern run", [fault])
    import_ray()
    import ray

    if ray.is_initialized():
        yield
        return
    terminate = signal.getsignal(signal.SIGTERM)
    _join(address) if address else _start(cpus)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # Ray's own aborts
    try:
        yield
    finally:
        ray.shutdown()
        signal.signal(signal.SIGTERM, terminate)


def import_ray() -> None:
    """Import Ray, which reads its settings from the environment when it is imported."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    import ray  # noqa: F401

    logging.getLogger("ray").setLevel(logging.ERROR)  # it tells of every file that it packs


def _start(cpus: int) -> None:
    import ray

    _let_workers_import()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    ray.init(
        address="local",  # without it, Ray joins whatever session it finds traces of
        num_cpus=cpus or len(os.sched_getaffinity(0)),
        object_store_memory=int(memory * STORE_SHARE),
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
    )


def _let_workers_import() -> None:
    """Let workers on this machine import this package: they inherit the environment.

    A runtime environment would do the same, but not for the workers that Ray starts ahead.
    """
    paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    if str(ROOT) not in paths:
        os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, paths)])


def _join(address: str) -> None:
    """Join a cluster; its nodes get this folder, unless the job that this is brought it."""
    if os.environ.get(JOB):
        connect(address)
        return
    with packed() as folder:
        connect(address, {"working_dir": str(folder)})


def connect(address: str, environment: dict[str, Any] | None = None) -> None:
    """Connect to a cluster.

    Raises:
        QuernError: when that fails; the message says what may be wrong.
    """
    import ray

    try:
        ray.init(
            address=address,
            runtime_env=environment,
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    except Exception as error:  # of a dozen kinds: connections, versions, tokens
        lines = (str(error).strip() or type(error).__name__).splitlines()
        said = " ".join(dict.fromkeys((lines[0], lines[-1])))  # in between: a far traceback
        raise QuernError(
            f"cannot join the Ray cluster {address}: {said}. Is it up, with this version of Ray "
            f"and Python, is its token here (RAY_AUTH_TOKEN or .ray/auth_token in the home "
            f"folder), and, unless the address starts with ray://, is this machine part of it?"
        ) from error


def resources_there() -> dict[str, float]:
    """Return how many CPUs and GPUs are up, or can be brought up by an autoscaler."""
    import ray
    from ray._private.state import state

    there: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    most = state.get_max_resources_from_cluster_config() or {}
    return {name: max(there.get(name, 0), most.get(name, 0)) for name in ("CPU", "GPU")}
