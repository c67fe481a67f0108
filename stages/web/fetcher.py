"""One address fetched: turns, robots.txt, redirects, and attempts until there is an answer."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Final, TypeVar

import aiohttp
from yarl import URL

from stages.sources.media_bytes import Bounds
from stages.web.client import Answer, ask, session_of
from stages.web.guard import parse
from stages.web.hosts import Host, Hosts
from stages.web.options import Web
from stages.web.robots import MAX_BYTES, Rules, rules_of, tag_forbids
from stages.web.status import (
    LOOP,
    ROBOTS_DOWN,
    ROBOTS_TAG,
    TOO_MANY,
    UNEXPECTED,
    FetchError,
    class_of,
    http,
)

T = TypeVar("T")
_TOO_MANY_REQUESTS: Final = 429
_SAME: Final = {"timeout", "connection", "dns", "tls", "refused"}
"""Classes of trouble with robots.txt that the medium itself would have had."""


@dataclass(frozen=True, kw_only=True)
class Fetch:
    """What became of an address.

    Attributes:
        status: see `stages/web/status.py`.
        data: the medium, empty unless the status is ok.
        mime: as the bytes show it, "" without bytes.
        code: HTTP status code of the last answer, 0 without one.
        received: bytes of the last body as it was sent, 0 if it was not read to its end.
        seconds: that the questions took, without the waiting for turns.
        attempts: how often it was asked, robots.txt not counted.
        host: that the address names.
    """

    status: str
    data: bytes = b""
    mime: str = ""
    code: int = 0
    received: int = 0
    seconds: float = 0.0
    attempts: int = 0
    host: str = ""


@dataclass(kw_only=True)
class _Course:
    """What fetching an address has taken so far."""

    attempts: int = 0
    seconds: float = 0.0


@asynccontextmanager
async def fetcher_of(web: Web, seed: int) -> AsyncIterator[Fetcher]:
    """Give a fetcher for the running event loop.

    Args:
        web: manners and limits.
        seed: of the pauses between attempts.
    """
    async with session_of(web) as session:
        fetcher = Fetcher(web, seed, session)
        try:
            yield fetcher
        finally:
            await fetcher.close()


class Fetcher:
    """Fetches addresses in one event loop; see `fetcher_of`."""

    def __init__(self, web: Web, seed: int, session: aiohttp.ClientSession) -> None:
        self._web = web
        self._seed = seed
        self._session = session
        self._slots = asyncio.Semaphore(web.connections)
        self._hosts = Hosts(web)

    async def close(self) -> None:
        """End what goes on in the background."""
        await self._hosts.close()

    async def fetch(self, uri: str, kind: str, bounds: Bounds) -> Fetch:
        """Return what becomes of an address; trouble is its status.

        Args:
            uri: the address.
            kind: image or video.
            bounds: which bytes are taken.
        """
        course = _Course()
        name = ""
        try:
            url = parse(uri, self._web)
            name = url.raw_host or ""
            async with self._hosts.at(name) as host:
                answer = await self._insist(url, host, lambda: self._medium(url, bounds, course))
            found = self._judged(answer, kind, bounds)
        except FetchError as trouble:
            found = Fetch(status=trouble.status, code=trouble.code)
        except OSError:  # of this machine, such as a full disk
            raise
        except Exception:  # a parser's own bug costs the address that met it
            found = Fetch(status=UNEXPECTED)
        return replace(found, host=name, attempts=course.attempts, seconds=course.seconds)

    def _judged(self, answer: Answer, kind: str, bounds: Bounds) -> Fetch:
        """Return the medium, unless the body is none or its header forbids to use it."""
        if self._web.robots_tags and tag_forbids(answer.tags, self._web.agent):
            return Fetch(status=ROBOTS_TAG, code=answer.code, received=answer.received)
        taken = bounds.check(answer.body, kind)
        return Fetch(
            status=taken.status,
            data=taken.data,
            mime=taken.mime,
            code=answer.code,
            received=answer.received,
        )

    async def _insist(self, url: URL, host: Host, question: Callable[[], Awaitable[T]]) -> T:
        """Put a question until it is answered or no attempt is left.

        The pauses hang on the run's seed, the address and the number of the attempt alone.

        Raises:
            FetchError: of the last attempt.
        """
        dice = random.Random(f"{self._seed} {url}")
        for attempt in range(self._web.attempts):
            pause_s = self._web.backoff_s * 2**attempt * (1 - dice.random() / 2)
            try:
                answer = await question()
            except FetchError as trouble:
                host.told(trouble.status)
                if trouble.wait_s > self._web.max_wait_s:
                    host.give_up()
                    raise
                pause_s = max(min(pause_s, self._web.max_wait_s), trouble.wait_s)
                if trouble.wait_s or trouble.code == _TOO_MANY_REQUESTS:
                    host.pause(pause_s)
                if trouble.is_final or attempt + 1 == self._web.attempts:
                    raise
                await asyncio.sleep(pause_s)
            else:
                host.told(http(200))
                return answer
        raise AssertionError("a web has at least one attempt")

    async def _medium(self, url: URL, bounds: Bounds, course: _Course) -> Answer:
        course.attempts += 1
        return await self._follow(url, course, max_bytes=bounds.max_bytes, obey=self._web.robots)

    async def _follow(
        self, url: URL, course: _Course, *, max_bytes: int, obey: bool, cut: bool = False
    ) -> Answer:
        """Ask a URL and where it leads, each when its host's turn has come.

        Raises:
            FetchError: no answer of code 200.
        """
        seen: set[URL] = set()
        left_s = self._web.timeout_s
        while True:
            seen.add(url)
            async with self._hosts.at(url.raw_host or "") as host:
                if obey:
                    await host.permit(url, self._rules)
                async with host.turn(), self._slots:
                    host.check()  # others may have failed while this one waited
                    start = time.perf_counter()
                    try:
                        answer = await ask(
                            self._session,
                            url,
                            self._web,
                            max_bytes=max_bytes,
                            seconds=left_s,
                            cut=cut,
                        )
                    finally:
                        took_s = time.perf_counter() - start
                        course.seconds += took_s
            if answer.location is None:
                return answer
            left_s = max(left_s - took_s, 0.0)
            url = answer.location
            if url in seen:
                raise FetchError(LOOP, code=answer.code)
            if len(seen) > self._web.max_redirects:
                raise FetchError(TOO_MANY, code=answer.code)

    async def _rules(self, url: URL) -> Rules:
        """Return what the robots.txt of a URL's host says to us (RFC 9309, section 2.3.1).

        Raises:
            FetchError: when the host does not answer, or has trouble of its own.
        """
        where = url.origin() / "robots.txt"

        async def read() -> Answer:
            return await self._follow(where, _Course(), max_bytes=MAX_BYTES, obey=False, cut=True)

        async with self._hosts.at(url.raw_host or "") as host:
            try:
                answer = await self._insist(where, host, read)
            except FetchError as trouble:
                kind = class_of(trouble.status)
                denied = kind == "http 4xx" and trouble.code != _TOO_MANY_REQUESTS
                if denied or kind in ("redirect", "http 2xx", "http 3xx"):
                    return Rules(agent=self._web.agent)  # there is none
                same = trouble.status if kind in _SAME else ROBOTS_DOWN
                raise FetchError(same, code=trouble.code, is_final=True) from trouble
        return rules_of(answer.body, self._web.agent)
