"""What has been asked: packs and tables, committed a chunk at a time, that a kill cannot undo.

A chunk is a pack of the media got and, written after it, a Parquet table of all its addresses.
Its name tells the step, the bucket, the round and a hash of the addresses; addresses, not time,
decide what lies where. Of an address asked in several rounds the last one counts.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import pyarrow as pa
import pyarrow.compute as pc

from stages.files import read_table, write_table
from stages.media import write_pack
from stages.places import AnyPath, names_in
from stages.web.status import OK, class_of

if TYPE_CHECKING:
    from stages.web.fetcher import Fetch  # imports aiohttp, which reports need not

ASKED: Final = pa.schema(
    {
        "key": pa.binary(16),  # of url and kind
        "url": pa.string(),
        "kind": pa.string(),  # image or video
        "host": pa.string(),
        "status": pa.string(),
        "class": pa.string(),  # of the status
        "code": pa.int16(),  # HTTP status code, 0 without an answer
        "bytes": pa.int64(),  # of the body as it was sent, 0 if it was not read to its end
        "seconds": pa.float32(),  # that the questions took
        "attempts": pa.int16(),
        "round": pa.int32(),  # 0 for the first time that a run asked
        "terms": pa.string(),  # hash of the options
        "sha256": pa.string(),
        "mime": pa.string(),
        "pack": pa.string(),
        "offset": pa.int64(),
        "length": pa.int64(),
    }
)
"""A row of the table of fetches."""

_NAME: Final = re.compile(r"(\w+)-(\d+)of(\d+)-(\d+)-([0-9a-f]{12})\.parquet")


@dataclass(frozen=True, kw_only=True)
class Part:
    """A committed table of the journal.

    Attributes:
        path: of the table.
        step: name of the step that asked.
        bucket: number of the bucket.
        of: how many buckets there were.
        round: 0 for the first time.
        has_pack: whether its pack is there.
    """

    path: AnyPath
    step: str
    bucket: int
    of: int
    round: int
    has_pack: bool

    def read(self, columns: Sequence[str]) -> pa.Table:
        """Return columns of the table, without what was got and whose bytes are gone."""
        table = read_table(self.path, list(dict.fromkeys([*columns, "status"])))
        if not self.has_pack:
            table = table.filter(pc.not_equal(table.column("status"), OK))
        return table.select(columns)


def parts_of(folder: AnyPath, step: str = "") -> list[Part]:
    """Return the tables in a folder of packs, those of one step if it is named, by round."""
    names, found = names_in(folder), []
    for name in names:
        named = _NAME.fullmatch(name)
        if named and step in ("", named[1]):
            bucket, of, round_ = map(int, named.group(2, 3, 4))
            found.append(
                Part(
                    path=folder / name,
                    step=named[1],
                    bucket=bucket,
                    of=of,
                    round=round_,
                    has_pack=f"{name.removesuffix('.parquet')}.pack" in names,
                )
            )
    return sorted(found, key=lambda part: (part.round, part.path.name))


def latest(tables: Iterable[pa.Table]) -> pa.Table:
    """Return the last row of each key, given tables in order of their rounds; sorted by key."""
    table = pa.concat_tables(tables)
    table = table.sort_by([("key", "ascending"), ("round", "descending")])
    return table.filter(is_first(table.column("key")))


def is_first(values: pa.ChunkedArray) -> pa.Array:
    """Return bool[N], true where a sorted column has another value than in the row before."""
    if len(values) == 0:
        return pa.array([], pa.bool_())
    column = values.combine_chunks()
    changed = pc.not_equal(column.slice(1), column.slice(0, len(column) - 1))
    return pa.concat_arrays([pa.array([True]), changed])


@dataclass(frozen=True, kw_only=True)
class Journal:
    """The journal of one bucket of one step.

    Attributes:
        folder: of the packs.
        step: name of the step.
        bucket: number of the bucket.
        of: number of buckets.
    """

    folder: AnyPath
    step: str
    bucket: int
    of: int

    def read(self, columns: Sequence[str]) -> pa.Table:
        """Return the last row of each address asked by the bucket, sorted by key.

        Addresses that another number of buckets divided otherwise are among them.
        """
        wanted = list(dict.fromkeys(["key", "round", *columns]))
        parts = [p for p in parts_of(self.folder, self.step) if self._may_hold(p)]
        empty = pa.schema([ASKED.field(name) for name in wanted]).empty_table()
        return latest([empty, *(part.read(wanted) for part in parts)])

    def _may_hold(self, part: Part) -> bool:
        return part.of != self.of or part.bucket == self.bucket

    def write(
        self, keys: Sequence[bytes], round_: int, rows: Sequence[dict[str, Any]], spool: BinaryIO
    ) -> None:
        """Commit a chunk: its pack if there are bytes, then its table.

        Args:
            keys: of the addresses, sorted.
            round_: which round it is.
            rows: what `row_of` gives for each key.
            spool: where the bytes lie that the rows' `offset` and `length` speak of.

        Raises:
            StorageError: when it cannot be written.
        """
        digest = hashlib.blake2b(b"".join(keys), digest_size=6).hexdigest()
        name = f"{self.step}-{self.bucket}of{self.of}-{round_}-{digest}"
        if any(row["status"] == OK for row in rows):
            with write_pack(self.folder / f"{name}.pack") as pack:
                for row in rows:
                    if row["status"] == OK:
                        spool.seek(row["offset"])
                        row["sha256"], place = pack.add(spool.read(row["length"]))
                        row["pack"], row["offset"] = place.pack, place.offset
        columns = {"key": keys, "round": [round_] * len(keys)}
        for field in ASKED:
            if field.name not in columns:
                columns[field.name] = [row[field.name] for row in rows]
        write_table(self.folder / f"{name}.parquet", pa.table(columns, schema=ASKED))


def row_of(url: str, kind: str, terms: str, fetch: Fetch, spool: BinaryIO) -> dict[str, Any]:
    """Return what a fetch leaves in the table, its bytes laid down in the spool."""
    ok = fetch.status == OK
    return {
        "url": url,
        "kind": kind,
        "host": fetch.host,
        "status": fetch.status,
        "class": class_of(fetch.status),
        "code": fetch.code,
        "bytes": fetch.received,
        "seconds": fetch.seconds,
        "attempts": fetch.attempts,
        "terms": terms,
        "sha256": None,
        "mime": fetch.mime or None,
        "pack": None,
        "offset": _lay_down(fetch.data, spool) if ok else None,
        "length": len(fetch.data) if ok else None,
    }


def _lay_down(data: bytes, spool: BinaryIO) -> int:
    start = spool.seek(0, 2)
    spool.write(data)
    return start
