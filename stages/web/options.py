"""How the web is asked: who asks, how often, how long, how much, and where never to."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, fields
from typing import Final

_ABOVE_ZERO: Final = (
    "connections",
    "host_connections",
    "connect_timeout_s",
    "first_byte_timeout_s",
    "read_timeout_s",
    "timeout_s",
    "max_header_bytes",
    "attempts",
    "max_host_failures",
    "commit_urls",
)


@dataclass(frozen=True, kw_only=True)
class Web:
    """Manners and limits of the fetcher.

    All rates and numbers of connections are those of one bucket; a host belongs to one bucket,
    a host that is only reached by redirects to each bucket that is led there.

    Attributes:
        contact: how a site's owner reaches you, a URL or an e-mail address; it stands in the
            User-Agent header and must be given.
        agent: the name that stands before it and that robots.txt is asked about.
        connections: requests at a time.
        host_connections: requests to one host at a time.
        host_interval_s: shortest time between the starts of two requests to a host, seconds.
        ports: ports that may be asked.
        connect_timeout_s: longest time to look up a name and to connect, TLS included, seconds.
        first_byte_timeout_s: longest time from there to the end of the headers, seconds.
        read_timeout_s: longest pause in a body, seconds.
        timeout_s: longest time for one attempt, redirects included, waiting for the host's
            turn excluded, seconds.
        min_bytes_per_s: slowest body taken, bytes per second.
        slow_after_s: time after which that counts, seconds.
        max_redirects: redirects that are followed.
        max_header_bytes: longest header line, bytes; there may be 128 of them.
        attempts: how often an address is asked at most, in one run.
        backoff_s: pause before the second attempt, doubled with each further one; a random
            part of up to one half, which hangs on seed and address, is taken off; seconds.
        max_wait_s: longest pause before another attempt; a site that asks for more (Retry-After)
            is left alone until the next run; seconds.
        robots: whether robots.txt is obeyed (RFC 9309).
        robots_tags: whether `X-Robots-Tag: noai, noindex, noimageindex, noimageai, none` is.
        max_crawl_delay_s: longest Crawl-delay; a host that asks for more is not asked, seconds.
        max_host_failures: failures in a row after which a host is given up until the next run.
        dns_cache_s: how long an address of a name is used, seconds.
        proxy: URL of a proxy; it looks up the names, so it, not Quern, must refuse private ones.
        allow_private: whether private, loopback and link-local addresses may be asked.
        commit_urls: addresses that are committed together; a kill costs four times as many.
    """

    contact: str = ""
    agent: str = "quern"
    connections: int = 64
    host_connections: int = 2
    host_interval_s: float = 0.25
    ports: tuple[int, ...] = (80, 443)
    connect_timeout_s: float = 10.0
    first_byte_timeout_s: float = 20.0
    read_timeout_s: float = 10.0
    timeout_s: float = 60.0
    min_bytes_per_s: int = 1000
    slow_after_s: float = 5.0
    max_redirects: int = 5
    max_header_bytes: int = 8190
    attempts: int = 3
    backoff_s: float = 1.0
    max_wait_s: float = 60.0
    robots: bool = True
    robots_tags: bool = True
    max_crawl_delay_s: float = 30.0
    max_host_failures: int = 20
    dns_cache_s: int = 300
    proxy: str = ""
    allow_private: bool = False
    commit_urls: int = 512

    def __post_init__(self) -> None:
        for name in _ABOVE_ZERO:
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"web.{name} must be above 0, got {getattr(self, name)}")
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, int | float) and not 0 <= value < math.inf:
                raise ValueError(f"web.{field.name} must not be below 0, got {value}")
        for name in ("agent", "contact"):
            value = getattr(self, name)
            if not (value.isascii() and value.isprintable()):
                raise ValueError(f"web.{name} must be printable ASCII, got {value!r}")
        if not self.agent.replace("-", "").replace("_", "").isalpha():
            raise ValueError(f"web.agent must be letters, - and _ (RFC 9309), got {self.agent!r}")

    @property
    def user_agent(self) -> str:
        """The User-Agent header."""
        return f"{self.agent}/1.0 (+{self.contact})"

    def terms(self, *more: object) -> str:
        """Return a hash of the options, and of more of them, that a refusal may hang on."""
        return hashlib.blake2b(repr((self, more)).encode(), digest_size=8).hexdigest()
