"""A bucket of addresses asked: chunk by chunk, what is known already left alone.

Addresses are asked in the order of their hashes, which mixes the hosts; a few chunks are under
way together, so that a slow host holds nobody up. Bytes wait for their chunk on disk.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Final, cast

import pyarrow as pa
import pyarrow.compute as pc

from stages.errors import StorageError
from stages.sources.media_bytes import Bounds
from stages.web.fetcher import Fetcher, fetcher_of
from stages.web.journal import Journal, is_first, row_of
from stages.web.options import Web
from stages.web.status import OK, TOO_LARGE, is_ours, is_transient

CHUNKS_AT_ONCE: Final = 4
ANSWER: Final = ("status", "sha256", "mime", "pack", "offset", "length")
"""What `ask_all` tells of each address."""


@dataclass(frozen=True, kw_only=True)
class Asking:
    """How a bucket's addresses are asked.

    Attributes:
        web: manners and limits.
        bounds: which bytes are taken.
        seed: the run's seed.
        journal: what the bucket asked before, and where it writes what it asks now.
    """

    web: Web
    bounds: Bounds
    seed: int
    journal: Journal

    @property
    def terms(self) -> str:
        """What a refusal hangs on."""
        return self.web.terms(self.bounds)


@dataclass(frozen=True, kw_only=True)
class _Chunk:
    """Addresses that are committed together: key, url and kind, sorted by key."""

    round: int
    addresses: pa.Table


def ask_all(requests: pa.Table, asking: Asking) -> pa.Table:
    """Return what became of each address, in the order given: the columns ANSWER.

    What has been got is not asked again, nor what the site refused for good; what we refused is
    asked again under other options, and trouble that may pass is tried again each time.

    Args:
        requests: key (binary16, of url and kind), url, kind; the same may come twice.
        asking: how.

    Raises:
        StorageError: when the journal cannot be written.
    """
    known = asking.journal.read(["status", "terms"])
    chunks = list(_chunks(requests, known, asking))
    if chunks:
        _run(chunks, asking)
    told = asking.journal.read(ANSWER)
    at = pc.index_in(requests.column("key"), value_set=told.column("key"))
    return _within(told.select(ANSWER).take(at), asking.bounds)


def holds_transient(journal: Journal) -> bool:
    """Tell whether asking again may get more."""
    statuses = pc.unique(journal.read(["status"]).column("status")).to_pylist()
    return any(map(is_transient, statuses))


def _chunks(requests: pa.Table, known: pa.Table, asking: Asking) -> Iterator[_Chunk]:
    """Yield what is to be asked: for the first time, then again."""
    table = requests.select(["key", "url", "kind"]).sort_by([("key", "ascending")])
    table = table.filter(is_first(table.column("key")))
    at = pc.index_in(table.column("key"), value_set=known.column("key"))
    yield from _cut(table.filter(pc.is_null(at)), 0, asking)
    stale = _stale(known, asking).take(at).fill_null(False)
    last = pc.max(known.column("round")).as_py()
    yield from _cut(table.filter(stale), (last or 0) + 1, asking)


def _stale(known: pa.Table, asking: Asking) -> pa.ChunkedArray:
    """Return bool[N], true for the addresses that are worth asking again."""
    statuses = pc.unique(known.column("status")).to_pylist()
    transient = pa.array([each for each in statuses if is_transient(each)], pa.string())
    ours = pa.array([each for each in statuses if is_ours(each)], pa.string())
    other_terms = pc.not_equal(known.column("terms"), asking.terms)
    status = known.column("status")
    return pc.or_(
        pc.is_in(status, value_set=transient),
        pc.and_(pc.is_in(status, value_set=ours), other_terms),
    )


def _cut(table: pa.Table, round_: int, asking: Asking) -> Iterator[_Chunk]:
    size = asking.web.commit_urls
    for start in range(0, table.num_rows, size):
        yield _Chunk(round=round_, addresses=table.slice(start, size))


def _run(chunks: Sequence[_Chunk], asking: Asking) -> None:
    try:
        asyncio.run(_ask_chunks(chunks, asking))
    except* StorageError as group:
        raise group.exceptions[0] from None


async def _ask_chunks(chunks: Sequence[_Chunk], asking: Asking) -> None:
    free = asyncio.Semaphore(CHUNKS_AT_ONCE)
    async with fetcher_of(asking.web, asking.seed) as fetcher, asyncio.TaskGroup() as group:
        for chunk in chunks:
            await free.acquire()
            task = group.create_task(_ask_chunk(chunk, fetcher, asking))
            task.add_done_callback(lambda _: free.release())


async def _ask_chunk(chunk: _Chunk, fetcher: Fetcher, asking: Asking) -> None:
    addresses = chunk.addresses.to_pydict()
    with tempfile.TemporaryFile() as file:
        spool = cast(BinaryIO, file)

        async def one(url: str, kind: str) -> dict[str, Any]:
            fetch = await fetcher.fetch(url, kind, asking.bounds)
            return row_of(url, kind, asking.terms, fetch, spool)

        try:
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(one(url, kind))
                    for url, kind in zip(addresses["url"], addresses["kind"], strict=True)
                ]
        except* OSError as group_:
            raise StorageError(
                f"cannot keep fetched media in {tempfile.gettempdir()}: "
                f"{group_.exceptions[0]}; free space there or set TMPDIR"
            ) from None
        rows = [task.result() for task in tasks]
        keys = addresses["key"]
        await asyncio.to_thread(asking.journal.write, keys, chunk.round, rows, spool)


def _within(told: pa.Table, bounds: Bounds) -> pa.Table:
    """Return the answers, those refused that were got when the bounds were wider."""
    length = told.column("length")
    status = told.column("status")
    for refused, word in (
        (pc.greater(length, bounds.max_bytes), TOO_LARGE),
        (pc.less(length, bounds.min_bytes), "too small"),
    ):
        status = pc.if_else(refused.fill_null(False), word, status)
    told = told.set_column(0, "status", status)
    ok = pc.equal(status, OK)
    for number, name in enumerate(ANSWER):
        if name not in ("status", "mime"):
            column = told.column(name)
            none = pa.scalar(None, column.type)
            told = told.set_column(number, name, pc.if_else(ok, column, none))
    return told
