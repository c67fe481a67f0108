"""What the client's exceptions mean, as statuses."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp

from stages.web.status import (
    CONNECT,
    CUT_SHORT,
    DNS,
    NO_ADDRESS,
    NO_HTTP,
    RESET,
    TLS,
    UNEXPECTED,
    UNREACHABLE,
    FetchError,
)

_MEANINGS: tuple[tuple[type[BaseException], str], ...] = (
    (aiohttp.ConnectionTimeoutError, CONNECT),
    (aiohttp.ClientConnectorDNSError, DNS),
    (aiohttp.ClientSSLError, TLS),
    (aiohttp.ClientConnectorError, UNREACHABLE),
    (ssl.SSLError, TLS),
    (aiohttp.ClientHttpProxyError, UNREACHABLE),
    (aiohttp.ClientResponseError, NO_HTTP),
    (aiohttp.ClientPayloadError, CUT_SHORT),
    (aiohttp.ClientConnectionError, RESET),
    (ConnectionError, RESET),
    (aiohttp.InvalidURL, NO_ADDRESS),
    (aiohttp.ClientError, UNEXPECTED),
    (ValueError, UNEXPECTED),
    (RuntimeError, UNEXPECTED),
)
"""The first that fits counts."""


@contextmanager
def explained() -> Iterator[None]:
    """Turn what the client raises into `FetchError`; a time limit of ours passes."""
    try:
        yield
    except TimeoutError as error:
        if not isinstance(error, aiohttp.ServerTimeoutError):
            raise
        raise FetchError(_meaning(error)) from error
    except (aiohttp.ClientError, ConnectionError, ssl.SSLError, ValueError, RuntimeError) as error:
        raise FetchError(_meaning(error)) from error


def _meaning(error: BaseException) -> str:
    return next((status for kind, status in _MEANINGS if isinstance(error, kind)), UNEXPECTED)
