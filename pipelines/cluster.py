"""Ray sessions: one started on this machine, or a cluster that is there and is joined."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from pipelines.plan import ROOT
from pipelines.tasks import RETRIES

STORE_SHARE = 0.12  # of memory, for Ray's object store: rows do not pass through it
ENVIRONMENT = {
    "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_task_oom_retries": str(RETRIES),  # Ray's default is endless
}


@contextmanager
def ray_session(cpus: int = 0) -> Iterator[None]:
    """Start Ray on this machine, unless it is started, and leave it as it was found.

    Args:
        cpus: cores to use; 0 uses all.
    """
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    _reach_workers()
    import ray  # reads the environment when it is imported

    if ray.is_initialized():
        yield
        return
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    ray.init(
        address="local",  # without it, Ray joins whatever session it finds traces of
        num_cpus=cpus or len(os.sched_getaffinity(0)),
        object_store_memory=int(memory * STORE_SHARE),
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
    )
    terminate = signal.signal(signal.SIGTERM, signal.default_int_handler)  # Ray's own aborts
    try:
        yield
    finally:
        ray.shutdown()
        signal.signal(signal.SIGTERM, terminate)


def _reach_workers() -> None:
    """Let workers on this machine import this package: they inherit the environment.

    A runtime environment would do the same, but not for the workers that Ray starts ahead.
    """
    paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    if str(ROOT) not in paths:
        os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, paths)])
