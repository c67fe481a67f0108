"""What all tests share: a Ray session, a crawl, and hypothesis without an eye on the clock."""

import logging
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from examples.crawl_site import crawl

ROOT = Path(__file__).resolve().parents[1]

settings.register_profile("quern", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("quern")


@pytest.fixture(scope="session")
def ray_here():
    """A Ray session of two cores on this machine, for every test that needs one."""
    from pipelines.cluster import ENVIRONMENT

    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    import ray  # reads the environment when it is imported

    ray.init(
        address="local",
        num_cpus=2,
        object_store_memory=200_000_000,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.CRITICAL,
        runtime_env={"env_vars": {"PYTHONPATH": str(ROOT)}},
    )
    yield
    ray.shutdown()


@pytest.fixture(scope="session")
def crawled(tmp_path_factory):
    """The example site as a WARC file."""
    return crawl(ROOT / "examples" / "site", tmp_path_factory.mktemp("crawl") / "site.warc.gz")
