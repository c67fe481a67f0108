"""An address that speaks OpenAI's protocol: asked some requests at once, and again on failure."""

from __future__ import annotations

import asyncio
import json
import os
import random
from asyncio import sleep
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from stages.errors import NotReadyError

if TYPE_CHECKING:
    import aiohttp

Json = Mapping[str, Any]
Body = Callable[[], Json]
Server = Literal["vllm", "sglang"]

TRANSIENT: Final = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
REFUSED: Final = frozenset({400, 413, 422})
"""What a server says of a request that is too long, or that it cannot read."""
MAX_BODY_BYTES: Final = 64 << 20
_FIRST_PAUSE_S: Final = 0.5
_MAX_PAUSE_S: Final = 30.0
_CONNECT_S: Final = 10.0
_CHECK_S: Final = 5.0
_EXCERPT: Final = 300  # characters of what a server said, for messages


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """Where a model is served, and how it is asked.

    Attributes:
        url: base of the protocol's paths, as clients of OpenAI take it.
        server: what answers there; they differ in how they tell log-probabilities of a given
            text: "vllm" by `prompt_logprobs` of chat completions, "sglang" by its own /generate.
        key_variable: environment variable that holds the key; "" sends none.
        concurrency: requests under way at once.
        timeout_s: longest time for one answer, seconds.
        attempts: how often a request is sent before the run ends.
        max_wait_s: longest wait that the server may ask for by Retry-After, seconds.
    """

    url: str = "http://127.0.0.1:8000/v1"
    server: Server = "vllm"
    key_variable: str = ""
    concurrency: int = 32
    timeout_s: float = 300.0
    attempts: int = 6
    max_wait_s: float = 120.0

    def __post_init__(self) -> None:
        if not self.url.startswith(("http://", "https://")):
            raise ValueError(f"url is {self.url!r}, it must begin with http:// or https://")
        for name in ("concurrency", "attempts"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("timeout_s", "max_wait_s"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be more than 0, got {getattr(self, name)}")

    def address(self, path: str) -> str:
        """Return the whole address: of "/generate" beside the base, of others below it.

        >>> Endpoint(url="http://gpu:30000/v1/").address("chat/completions")
        'http://gpu:30000/v1/chat/completions'
        >>> Endpoint(url="http://gpu:30000/v1").address("/generate")
        'http://gpu:30000/generate'
        """
        base = self.url.rstrip("/")
        if path.startswith("/"):
            return base.removesuffix("/v1") + path
        return f"{base}/{path}"

    def served(self) -> list[str]:
        """Return the names of the models that are served, asked once and not again.

        Raises:
            NotReadyError: when nothing that speaks the protocol answers within seconds.
        """
        answer = asyncio.run(self._served())
        try:
            return [str(model["id"]) for model in answer["data"]]
        except (TypeError, KeyError) as error:
            raise _no_protocol(self.address("models"), json.dumps(answer)) from error

    async def _served(self) -> Json:
        async with self._session() as session:
            try:
                async with asyncio.timeout(_CHECK_S):
                    reply = await _send(session, "GET", self.address("models"), None)
            except (TimeoutError, OSError, _transport_error()) as error:
                raise _no_answer(self.address("models"), error) from error
        if reply.code != 200:
            raise _not_ok(self.address("models"), reply)
        return _parsed(self.address("models"), reply)

    def ask(self, path: str, bodies: Sequence[Body]) -> list[Json | None]:
        """Post each body to a path and return the answers, None where the server refused one.

        A body is made when its turn comes, so that no more of them than `concurrency` are held.

        What fails for the moment (a full queue, a reset, a timeout, an answer that is no JSON)
        is sent again after a pause that doubles, drawn anew each time, or as long as the server
        asks by Retry-After.

        Raises:
            NotReadyError: when a request failed in all attempts, or in a way that will not pass.
        """
        return asyncio.run(self._ask(self.address(path), bodies))

    async def _ask(self, url: str, bodies: Sequence[Body]) -> list[Json | None]:
        slots = asyncio.Semaphore(self.concurrency)
        try:
            async with self._session() as session, asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._one(session, slots, url, body)) for body in bodies]
        except ExceptionGroup as errors:  # the first failure ended the others
            raise errors.exceptions[0] from None
        return [task.result() for task in tasks]

    async def _one(
        self, session: aiohttp.ClientSession, slots: asyncio.Semaphore, url: str, make: Body
    ) -> Json | None:
        async with slots:
            body, why = await asyncio.to_thread(make), ""
            for attempt in range(1, self.attempts + 1):
                outcome = await self._attempt(session, url, body)
                if not isinstance(outcome, _Failure):
                    return outcome
                why = outcome.why
                if outcome.wait_s > self.max_wait_s:
                    raise NotReadyError(
                        f"{url} asks to be left alone for {outcome.wait_s:.0f} s ({outcome.why}); "
                        f"try later, or raise max_wait_s"
                    )
                if attempt < self.attempts:
                    await sleep(outcome.wait_s or _pause_s(attempt))
        raise NotReadyError(
            f"{url} failed {self.attempts} times ({why}); see that the server is up and "
            f"not overloaded, lower concurrency, or raise attempts or timeout_s"
        )

    async def _attempt(
        self, session: aiohttp.ClientSession, url: str, body: Json
    ) -> Json | _Failure | None:
        try:
            async with asyncio.timeout(self.timeout_s):
                reply = await _send(session, "POST", url, body)
        except TimeoutError:
            return _Failure(why=f"no answer in {self.timeout_s:g} s")
        except (OSError, _transport_error()) as error:
            return _Failure(why=f"{type(error).__name__}: {error}")
        if reply.code in TRANSIENT:
            return _Failure(why=f"HTTP {reply.code}: {reply.excerpt}", wait_s=reply.wait_s)
        if reply.code in REFUSED:
            return None
        if reply.code != 200:
            raise _not_ok(url, reply)
        try:
            return _parsed(url, reply)
        except NotReadyError as error:
            return _Failure(why=str(error))

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[aiohttp.ClientSession]:
        import aiohttp  # 0.4 s that other operators do not need

        key = os.environ.get(self.key_variable, "") if self.key_variable else ""
        if self.key_variable and not key:
            raise NotReadyError(
                f"the environment variable {self.key_variable} is empty, it is to hold the key "
                f"of {self.url}"
            )
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        connector = aiohttp.TCPConnector(limit=self.concurrency)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_S)
        async with aiohttp.ClientSession(
            connector=connector, timeout=timeout, headers=headers
        ) as session:
            yield session


@dataclass(frozen=True, kw_only=True)
class _Failure:
    """Why an attempt came to nothing that may come to something later."""

    why: str
    wait_s: float = 0.0


@dataclass(frozen=True, kw_only=True)
class _Reply:
    """What came back."""

    code: int
    body: bytes
    wait_s: float

    @property
    def excerpt(self) -> str:
        return " ".join(self.body[:_EXCERPT].decode(errors="replace").split())


async def _send(session: aiohttp.ClientSession, method: str, url: str, body: Json | None) -> _Reply:
    async with session.request(method, url, json=body, allow_redirects=False) as response:
        pieces, size = [], 0
        async for piece in response.content.iter_any():
            pieces.append(piece)
            size += len(piece)
            if size > MAX_BODY_BYTES:
                raise NotReadyError(
                    f"{url} sends more than {MAX_BODY_BYTES >> 20} MiB; is it ours?"
                )
        wait = response.headers.get("Retry-After", "").strip()
        wait_s = float(wait[:9]) if wait.isascii() and wait.isdigit() else 0.0
        return _Reply(code=response.status, body=b"".join(pieces), wait_s=wait_s)


def _transport_error() -> type[Exception]:
    import aiohttp

    return aiohttp.ClientError


def _parsed(url: str, reply: _Reply) -> Json:
    try:
        answer = json.loads(reply.body)
    except ValueError as error:
        raise _no_protocol(url, reply.excerpt) from error
    if not isinstance(answer, dict):
        raise _no_protocol(url, reply.excerpt)
    return answer


def _pause_s(attempt: int) -> float:
    """Return a pause, drawn between half of it and all of it, so that clients fall out of step."""
    longest: float = min(_FIRST_PAUSE_S * 2 ** (attempt - 1), _MAX_PAUSE_S)
    return longest * random.uniform(0.5, 1.0)


def _no_answer(url: str, error: BaseException) -> NotReadyError:
    return NotReadyError(
        f"{url} does not answer ({type(error).__name__}: {error}); start the server, say "
        f"`vllm serve MODEL`, or set the engine's endpoint.url"
    )


def _not_ok(url: str, reply: _Reply) -> NotReadyError:
    hints = {
        401: "set endpoint.key_variable to the environment variable that holds the key",
        403: "set endpoint.key_variable to the environment variable that holds the key",
        404: "endpoint.url must be the base of the paths, as http://HOST:8000/v1, and model "
        "what the server calls it",
    }
    hint = hints.get(reply.code, "see the server's log")
    return NotReadyError(f"{url} answers HTTP {reply.code} ({reply.excerpt}); {hint}")


def _no_protocol(url: str, excerpt: str) -> NotReadyError:
    return NotReadyError(
        f"{url} answers what is not of OpenAI's protocol ({excerpt[:_EXCERPT]}); set endpoint.url "
        f"to an address that speaks it, as of `vllm serve MODEL`"
    )
