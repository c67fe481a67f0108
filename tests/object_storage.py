"""An S3-compatible server of the test's own, and what to do with it."""

from __future__ import annotations

import contextlib
import logging
import os
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from unittest.mock import patch

from moto import settings
from moto.server import ThreadedMotoServer
from s3fs import S3FileSystem

BUCKET = "bucket"
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "someone",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_MAX_ATTEMPTS": "1",
}


@dataclass(kw_only=True)
class Requests(logging.Handler):
    """Counts what the server is asked for, by method.

    Attributes:
        lines: the request lines.
    """

    lines: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(logging.INFO)

    __hash__ = object.__hash__

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage().partition('"')[2].partition('"')[0])

    def of(self, method: str) -> int:
        return Counter(line.partition(" ")[0] for line in self.lines)[method]


@dataclass(frozen=True, kw_only=True)
class Server:
    """An S3 server with one bucket.

    Attributes:
        endpoint: its address.
        fs: a client of it.
    """

    endpoint: str
    fs: S3FileSystem

    def put(self, key: str, data: bytes) -> str:
        """Store an object; return its URI."""
        self.fs.pipe_file(f"{BUCKET}/{key}", data)
        return f"s3://{BUCKET}/{key}"

    def objects(self, prefix: str) -> dict[str, bytes]:
        """Return the content of every object by its name behind the prefix."""
        names = self.names(prefix)
        return {name: self.fs.cat_file(f"{BUCKET}/{prefix}/{name}") for name in names}

    def names(self, prefix: str) -> list[str]:
        """Return the names of objects behind the prefix."""
        root = f"{BUCKET}/{prefix}"
        return [key.removeprefix(f"{root}/") for key in self.fs.find(root)]


def refusing() -> AbstractContextManager[object]:
    """Have the server ask who is there, and know nobody."""
    return patch.object(settings, "INITIAL_NO_AUTH_ACTION_COUNT", 0.0)


@contextmanager
def s3_server() -> Iterator[Server]:
    """Start a server, point the environment at it, and put everything back afterwards."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    try:
        with patch.dict(os.environ, {**CREDENTIALS, "AWS_ENDPOINT_URL": endpoint}):
            with urllib.request.urlopen(f"{endpoint}/moto-api/reset", data=b""):
                pass  # all servers of a process share their buckets
            fs = S3FileSystem(use_listings_cache=False, skip_instance_cache=True)
            fs.mkdir(BUCKET)
            yield Server(endpoint=endpoint, fs=fs)
    finally:
        S3FileSystem.clear_instance_cache()
        server.stop()


@contextmanager
def counted() -> Iterator[Requests]:
    """Count the requests that reach the server meanwhile."""
    requests, log = Requests(), logging.getLogger("werkzeug")
    with contextlib.ExitStack() as stack:
        stack.enter_context(patch.object(log, "level", logging.INFO))
        stack.enter_context(patch.object(log, "propagate", False))
        stack.enter_context(patch.object(log, "handlers", [requests]))
        yield requests
