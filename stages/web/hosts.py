"""Taking turns at hosts: how many requests at a time, how far apart, when a host is given up."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Final

from yarl import URL

from stages.web.options import Web
from stages.web.robots import Rules
from stages.web.status import CRAWL_DELAY, GIVEN_UP, ROBOTS, FetchError, is_transient

MAX_IDLE: Final = 4096
"""Hosts that are remembered while nobody asks them; of a forgotten one robots.txt is read again."""


class Host:
    """One host: its turns, its failures in a row, its rules.

    Attributes:
        users: addresses of it that are being fetched.
    """

    def __init__(self, web: Web) -> None:
        self.users = 0
        self._web = web
        self._slots = asyncio.Semaphore(web.host_connections)
        self._interval_s = web.host_interval_s
        self._free_at = 0.0
        self._failures = 0
        self._rules: dict[str, asyncio.Task[Rules]] = {}  # by scheme and port, too

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a slot and for the host's turn."""
        loop = asyncio.get_running_loop()
        async with self._slots:
            while (wait := self._free_at - loop.time()) > 0:
                await asyncio.sleep(wait)
            self._free_at = loop.time() + self._interval_s
            yield

    def pause(self, seconds: float) -> None:
        """Ask nothing of the host for some time."""
        self._free_at = max(self._free_at, asyncio.get_running_loop().time() + seconds)

    def give_up(self) -> None:
        """Ask nothing more of the host in this run."""
        self._failures = self._web.max_host_failures

    def check(self) -> None:
        """Look whether the host is given up.

        Raises:
            FetchError: when it failed too often in a row.
        """
        if self._failures >= self._web.max_host_failures:
            raise FetchError(GIVEN_UP, is_final=True)

    def told(self, status: str) -> None:
        """Note what became of an address of the host."""
        if self._failures < self._web.max_host_failures:
            self._failures = self._failures + 1 if is_transient(status) else 0

    async def permit(self, url: URL, read: Callable[[URL], Coroutine[Any, Any, Rules]]) -> None:
        """Look whether robots.txt lets a URL of the host be asked; it is read once.

        Raises:
            FetchError: when it does not, or cannot be read.
        """
        origin = str(url.origin())
        if origin not in self._rules:
            self._rules[origin] = asyncio.create_task(read(url))
        rules = await asyncio.shield(self._rules[origin])
        if rules.crawl_delay_s > self._web.max_crawl_delay_s:
            raise FetchError(CRAWL_DELAY)
        self._interval_s = max(self._web.host_interval_s, rules.crawl_delay_s)
        if not rules.allow(str(url)):
            raise FetchError(ROBOTS)

    async def close(self) -> None:
        """End the reading of robots.txt, if it still goes on."""
        for task in self._rules.values():
            task.cancel()
        await asyncio.gather(*self._rules.values(), return_exceptions=True)


class Hosts:
    """The hosts being asked, and the last that were."""

    def __init__(self, web: Web) -> None:
        self._web = web
        self._hosts: OrderedDict[str, Host] = OrderedDict()

    @asynccontextmanager
    async def at(self, name: str) -> AsyncIterator[Host]:
        """Give the host of a name; it is not forgotten meanwhile."""
        host = self._hosts.setdefault(name, Host(self._web))
        self._hosts.move_to_end(name)
        host.users += 1
        try:
            yield host
        finally:
            host.users -= 1
            self._forget()

    def _forget(self) -> None:
        while len(self._hosts) > MAX_IDLE:
            idle = next((name for name, host in self._hosts.items() if not host.users), None)
            if idle is None:
                return
            del self._hosts[idle]

    async def close(self) -> None:
        """End what goes on in the background."""
        for host in self._hosts.values():
            await host.close()
