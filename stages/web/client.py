"""One question to the web, redirects followed: every limit is kept while the answer comes in."""

from __future__ import annotations

import asyncio
import ssl
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Final

import aiohttp
from yarl import URL

from stages.sources.http_body import Response
from stages.web.errors import explained
from stages.web.guard import GuardedResolver, SocketMaker, checked
from stages.web.options import Web
from stages.web.status import (
    BAD_CODING,
    FIRST_BYTE,
    NOWHERE,
    READ,
    TOO_LARGE,
    TOO_SLOW,
    TOTAL,
    FetchError,
    http,
)

_REDIRECTS: Final = {301, 302, 303, 307, 308}
_IN_MEMORY: Final = 1 << 20  # of one body, bytes; the rest waits in a temporary file
_MAX_CODINGS: Final = 2
_FAREWELL_S: Final = 0.1  # for connections to be closed, which the client does not wait for
_CODINGS: Final = {"gzip", "x-gzip", "deflate", "br", "zstd", "identity", ""}


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What one URL answered.

    Attributes:
        url: the URL.
        code: HTTP status code.
        body: decoded, and cut somewhere beyond the length asked for; of code 200 only.
        received: bytes of the body as it was sent.
        tags: values of X-Robots-Tag.
        location: where a redirect leads, None without one.
    """

    url: URL
    code: int
    body: bytes = b""
    received: int = 0
    tags: tuple[str, ...] = ()
    location: URL | None = None


@asynccontextmanager
async def session_of(web: Web) -> AsyncIterator[aiohttp.ClientSession]:
    """Give a session that keeps no cookies, trusts no environment and connects to no private host.

    It asks for bodies without encoding, and decodes none by itself.
    """
    connector = aiohttp.TCPConnector(
        resolver=GuardedResolver(web),
        ttl_dns_cache=web.dns_cache_s,
        limit=0,  # the hosts' turns and the fetcher's slots are the limits
        ssl=ssl.create_default_context(),
        socket_factory=SocketMaker(web),
    )
    headers = {
        "User-Agent": web.user_agent,
        "Accept": "image/*, video/*;q=0.9, */*;q=0.5",
        "Accept-Encoding": "identity",
    }
    timeout = aiohttp.ClientTimeout(total=None, connect=web.connect_timeout_s)
    async with aiohttp.ClientSession(
        connector=connector,
        headers=headers,
        timeout=timeout,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,
        max_line_size=web.max_header_bytes,
        max_field_size=web.max_header_bytes,
    ) as session:
        yield session
    await asyncio.sleep(_FAREWELL_S)


async def ask(
    session: aiohttp.ClientSession,
    url: URL,
    web: Web,
    *,
    max_bytes: int,
    seconds: float,
    cut: bool = False,
) -> Answer:
    """Ask one URL and follow no redirect.

    Args:
        session: see `session_of`.
        url: may be asked, see `checked`.
        web: the limits.
        max_bytes: longest body taken, encoded or decoded.
        seconds: longest time that it may take.
        cut: whether a longer body is cut there, instead of being trouble.

    Raises:
        FetchError: no answer that could be read.
    """
    try:
        async with asyncio.timeout(seconds) as total:
            with explained():
                return await _answer(session, url, web, max_bytes, cut)
    except TimeoutError as error:
        assert total.expired()
        raise FetchError(TOTAL) from error


async def _answer(
    session: aiohttp.ClientSession, url: URL, web: Web, max_bytes: int, cut: bool
) -> Answer:
    request = session.get(url, allow_redirects=False, proxy=web.proxy or None)
    try:
        async with asyncio.timeout(web.connect_timeout_s + web.first_byte_timeout_s) as first:
            response = await request
    except TimeoutError as error:
        if first.expired():
            raise FetchError(FIRST_BYTE) from error
        raise
    async with response:
        code = response.status
        if code in _REDIRECTS:
            return Answer(url=url, code=code, location=_location(response, web))
        if code != 200:
            raise FetchError(http(code), code=code, wait_s=_retry_after(response))
        raw = await _body(response, web, max_bytes, cut)
        return Answer(
            url=url,
            code=code,
            body=_decoded(response, raw, max_bytes),
            received=len(raw),
            tags=tuple(response.headers.getall("X-Robots-Tag", ())),
        )


def _location(response: aiohttp.ClientResponse, web: Web) -> URL:
    location = response.headers.get("Location", "").strip()
    if not location:
        raise FetchError(NOWHERE, code=response.status)
    try:
        target = response.url.join(URL(location)).with_fragment(None)
    except (ValueError, UnicodeError) as error:
        raise FetchError(NOWHERE, code=response.status) from error
    return checked(target, web)


def _retry_after(response: aiohttp.ClientResponse) -> float:
    """Return for how long the site asks to be left alone, seconds; 0 if it does not."""
    value = response.headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        until = parsedate_to_datetime(value)
        sent = parsedate_to_datetime(response.headers.get("Date", ""))
        return max((until - sent).total_seconds(), 0.0)
    except (ValueError, TypeError, IndexError):
        return 0.0


async def _body(response: aiohttp.ClientResponse, web: Web, max_bytes: int, cut: bool) -> bytes:
    """Return the body as it was sent.

    Raises:
        FetchError: when it is too large or comes in too slowly.
    """
    if (response.content_length or 0) > max_bytes and not cut:
        raise FetchError(TOO_LARGE, code=200)
    loop = asyncio.get_running_loop()
    start, size = loop.time(), 0
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as body:
        while piece := await _next_piece(response, web):
            size += len(piece)
            body.write(piece)
            if size > max_bytes and cut:
                break
            if size > max_bytes:
                raise FetchError(TOO_LARGE, code=200)
            passed = loop.time() - start
            if passed > web.slow_after_s and size < web.min_bytes_per_s * passed:
                raise FetchError(TOO_SLOW, code=200)
        body.seek(0)
        return body.read()


async def _next_piece(response: aiohttp.ClientResponse, web: Web) -> bytes:
    """Return the next bytes of a body, none at its end."""
    try:
        async with asyncio.timeout(web.read_timeout_s) as pause:
            return await response.content.readany()
    except TimeoutError as error:
        if pause.expired():
            raise FetchError(READ, code=200) from error
        raise


def _decoded(response: aiohttp.ClientResponse, raw: bytes, max_bytes: int) -> bytes:
    coding = ",".join(response.headers.getall("Content-Encoding", ())).lower()
    names = [name.strip() for name in coding.split(",")]
    if len(names) > _MAX_CODINGS or not _CODINGS.issuperset(names):
        raise FetchError(BAD_CODING, code=200)
    sent = Response(status=200, headers={"content-encoding": coding}, raw=raw)
    return sent.body(max_bytes)
