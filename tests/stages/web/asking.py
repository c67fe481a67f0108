"""Asking the hostile server: a quick fetcher, and what becomes of each URL."""

import asyncio

from stages.sources.media_bytes import Bounds
from stages.web.fetcher import fetcher_of
from stages.web.options import Web
from tests.stages.web.hostile import response

BOUNDS = Bounds(min_bytes=1, max_bytes=100_000)
QUICK = {
    "contact": "https://quern.example/bot",
    "host_interval_s": 0.0,
    "host_connections": 64,
    "connect_timeout_s": 1.0,
    "first_byte_timeout_s": 0.3,
    "read_timeout_s": 0.4,
    "timeout_s": 3.0,
    "slow_after_s": 0.3,
    "min_bytes_per_s": 1000,
    "backoff_s": 0.01,
    "max_wait_s": 2.0,
    "max_host_failures": 1000,
    "allow_private": True,
}


def fetch_all(server, urls, *, seed=0, **options):
    """Return what becomes of each URL."""
    web = Web(**{**QUICK, "ports": (server.port,), **options})

    async def run():
        async with fetcher_of(web, seed) as fetcher:
            return await asyncio.gather(*(fetcher.fetch(url, "image", BOUNDS) for url in urls))

    return asyncio.run(asyncio.wait_for(run(), 30))


def fetch(server, path, **options):
    url = path if "://" in path else server.url(path)
    return fetch_all(server, [url], **options)[0]


async def later(writer, seconds):
    await asyncio.sleep(seconds)
    writer.write(response())


def host_of(name):
    return f"{name.replace('_', '-')}.example"


class Everywhere(dict):
    """Every name leads to this machine."""

    def get(self, name):
        return "127.0.0.1"
