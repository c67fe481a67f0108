"""Fetch the bytes of pictures and videos: from the crawl, from files, data: URIs and the web."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stages.dedup.documents import bucket_of, digests
from stages.elements import Ints, Mask, set_field, with_media
from stages.media import Location, write_pack
from stages.record import LOCATION
from stages.sources.addresses import address_key, host_of, scheme_of
from stages.sources.media_bytes import (
    NOT_IN_CRAWL,
    OK,
    Bounds,
    Fetched,
    from_crawl,
    from_data,
    from_file,
)
from stages.stage import DECISIONS, Batch, Bucket, Level, Projection, Regroup
from stages.web.journal import Journal, is_first
from stages.web.options import Web
from stages.web.status import is_transient

_LOCAL = ("crawl", "file", "data")
_WEB = ("http", "https")
_SLICE = 4096  # requests that are Python objects at a time
_FOUND = pa.schema(
    {
        "uri": pa.string(),  # what stands in for a data: URI; null otherwise
        "status": pa.string(),
        "sha256": pa.string(),
        "mime": pa.string(),
        "pack": pa.string(),
        "offset": pa.int64(),
        "length": pa.int64(),
    }
)
_FETCHED = pa.schema([*DECISIONS, *_FOUND])
_ROWS = pa.schema(
    {
        "row": pa.int64(),
        "element": pa.int64(),
        "key": pa.binary(16),  # of the address, see `address_key`
        "uri": pa.string(),
        "kind": pa.string(),  # image or video
        "folder": pa.string(),  # that a file: address may lead into
        "path": pa.string(),  # of an asset, as what follows
        "offset": pa.int64(),
        "status": pa.string(),
    }
)


@dataclass(frozen=True, kw_only=True)
class FetchMedia(Regroup):
    """Fetches each address of the run once and stores its bytes once.

    An http or https address is looked up among the media of the crawl (first as it is written,
    then ignoring http or https, the fragment and percent encoding). A file: address is followed
    only from a page that is a file itself, and only inside the folder that the pages were read
    from, links resolved: a page cannot read what its author should not see.

    Reads: media (type, uri; those without a status), source (dataset, uri), the crawl's media.
    Writes: media: status ("ok", "not in crawl", "http 404", "too large", "too small", "empty",
        "not an image (text/html)", "no such file", "refused: ...", "unreadable", and those of
        stages/web/status.py), sha256, mime as the bytes show it, location in the run's media
        folder; a data: URI becomes "data:<mime>;sha256=<hex>". Drops nothing.
    Source: Quern; RFC 2397 (data:), RFC 3986 section 6 (comparing addresses), RFC 9309 (robots).

    Attributes:
        schemes: where media may come from: crawl, file, data, http.
        min_bytes: smallest medium taken, bytes.
        max_bytes: largest medium taken, bytes.
        web: manners and limits towards the web; `contact` must be given if schemes has http.
    """

    reads: ClassVar = ("media", "source")
    writes: ClassVar = ("media",)
    source: ClassVar = "Quern; RFC 2397; RFC 3986, section 6; RFC 9309"
    over: ClassVar[Level] = "media"

    schemes: tuple[str, ...] = _LOCAL
    min_bytes: int = 1
    max_bytes: int = 20_000_000
    web: Web = field(default_factory=Web)

    def __post_init__(self) -> None:
        unknown = sorted(set(self.schemes) - {*_LOCAL, "http"})
        if unknown:
            raise ValueError(f"schemes has {unknown}; it may have {[*_LOCAL, 'http']}")
        if self.asks_web and not self.web.contact:
            raise ValueError(
                "schemes has http, so web.contact must say how a site's owner reaches you: "
                "a URL or an e-mail address"
            )
        if not 0 < self.min_bytes <= self.max_bytes:
            raise ValueError(
                f"min_bytes must lie in [1, max_bytes], got {self.min_bytes} and {self.max_bytes}"
            )

    @property
    def asks_web(self) -> bool:
        """Whether the web is asked."""
        return "http" in self.schemes

    @property
    def bounds(self) -> Bounds:
        """Which bytes are taken."""
        return Bounds(min_bytes=self.min_bytes, max_bytes=self.max_bytes)

    def project(self, batch: Batch) -> Projection:
        """Return the address of each medium that has not been fetched."""
        media = batch.media()
        wanted = _mask(pc.is_null(media.column("status")))
        row = media.row[wanted]
        uri = pc.fill_null(media.column("uri"), "").filter(pa.array(wanted))
        columns = {
            "row": pa.array(row),
            "element": pa.array(media.position[wanted]),
            "key": digests(address_key(each) for each in uri.to_pylist()),
            "uri": uri,
            "kind": pc.fill_null(media.column("type"), "image").filter(pa.array(wanted)),
            "folder": _folders(batch.table.column("source"), row),
        }
        return Projection(rows=_as_rows(columns, len(row)))

    def project_assets(self, assets: pa.Table) -> pa.Table:
        """Return the address and place of each medium of the crawl."""
        columns = {name: assets.column(name) for name in ("uri", "path", "offset", "status")}
        uris = assets.column("uri").to_pylist()
        columns["key"] = digests(address_key(uri) for uri in uris)
        return _as_rows(columns, assets.num_rows)

    def partition(self, rows: pa.Table, buckets: int) -> Ints:
        """Return the bucket of each address; a host that may be asked has one bucket."""
        by_address = bucket_of(rows.column("key"), buckets)
        if not self.asks_web:
            return by_address
        hosts = [host_of(uri or "") for uri in rows.column("uri").to_pylist()]
        by_host = bucket_of(pa.chunked_array([digests(host.encode() for host in hosts)]), buckets)
        named = np.fromiter(map(bool, hosts), np.bool_, len(hosts))
        return np.where(named, by_host, by_address)

    def decide(self, rows: pa.Table, bucket: Bucket) -> pa.Table:
        """Fetch the bucket's addresses into packs whose names begin with the step's."""
        is_asset = _mask(pc.less(rows.column("unit"), 0))
        wanted = rows.filter(pa.array(~is_asset))
        assets = defaultdict(list)
        for asset in rows.filter(pa.array(is_asset)).to_pylist():
            assets[asset["key"]].append(asset)
        requests, request = _requests(wanted)
        found = self._at_hand(requests, assets, bucket)
        if self.asks_web:
            found = self._asked(requests, found, bucket)
        return _decisions(wanted, found.take(pa.array(request)))

    def may_improve(self, bucket: Bucket) -> bool:
        """Tell whether the bucket holds trouble of the web that may have passed."""
        from stages.web.asking import holds_transient

        return self.asks_web and holds_transient(_journal(bucket))

    def _at_hand(
        self, requests: pa.Table, assets: Mapping[bytes, list[dict[str, Any]]], bucket: Bucket
    ) -> pa.Table:
        """Return what the crawl, files and data: URIs hold of each request: schema _FOUND."""
        tables = [_FOUND.empty_table()]
        pack = None
        with ExitStack() as stack:
            for piece in _pieces(requests):
                found = []
                for each in piece:
                    fetched = self._fetch(each, assets.get(each["key"], []))
                    entry: dict[str, Any] = {"status": fetched.status, "mime": fetched.mime or None}
                    if fetched.status == OK:
                        if pack is None:
                            path = bucket.media / f"{bucket.step}-{bucket.index}.pack"
                            pack = stack.enter_context(write_pack(path))
                        entry["sha256"], location = pack.add(fetched.data)
                        entry |= _columns_of(location)
                    if scheme_of(each["uri"]) == "data":
                        entry["uri"] = _stand_in(fetched.mime, entry.get("sha256"))
                    found.append(entry)
                tables.append(pa.Table.from_pylist(found, schema=_FOUND))
        return pa.concat_tables(tables)

    def _fetch(self, request: Mapping[str, Any], assets: list[dict[str, Any]]) -> Fetched:
        uri, kind = request["uri"], request["kind"]
        scheme = scheme_of(uri)
        if not scheme:
            return Fetched(status="refused: no address")
        if scheme in _WEB and "crawl" in self.schemes:
            return from_crawl(uri, assets, kind, self.bounds)
        if scheme in _WEB and self.asks_web:
            return Fetched(status=NOT_IN_CRAWL)
        if scheme not in self.schemes or scheme in _WEB:
            return Fetched(status=f"refused: scheme {scheme[:20]}")
        if scheme == "file":
            return from_file(uri, request["folder"], kind, self.bounds)
        return from_data(uri, kind, self.bounds)

    def _asked(self, requests: pa.Table, found: pa.Table, bucket: Bucket) -> pa.Table:
        """Return what was found, with the answers of the web where that was nothing."""
        from stages.web.asking import Asking, ask_all  # imports aiohttp: 0.25 s

        statuses = pc.unique(found.column("status")).to_pylist()
        lacking = [each for each in statuses if each == NOT_IN_CRAWL or is_transient(each)]
        wanted = _mask(pc.is_in(found.column("status"), value_set=pa.array(lacking, pa.string())))
        asking = Asking(
            web=self.web, bounds=self.bounds, seed=bucket.seed, journal=_journal(bucket)
        )
        told = ask_all(_questions(requests.filter(pa.array(wanted))), asking)
        told = told.add_column(0, _FOUND.field("uri"), pa.nulls(told.num_rows, pa.string()))
        at = np.arange(found.num_rows)
        at[wanted] = found.num_rows + np.arange(told.num_rows)
        return pa.concat_tables([found, told.select(_FOUND.names).cast(_FOUND)]).take(pa.array(at))

    def update(self, batch: Batch, decisions: pa.Table) -> Batch:
        """Return the batch whose media carry status, sha256, mime and location."""
        if decisions.num_rows == 0:
            return batch
        media = batch.media()
        values = media.values
        first = np.searchsorted(media.row, decisions.column("row").to_numpy())
        at = np.full(len(media), -1, np.int64)
        at[first + decisions.column("element").to_numpy()] = np.arange(decisions.num_rows)
        told = decisions.take(pa.array(at, mask=at < 0))
        decided = pa.array(at >= 0)
        for name in ("status", "sha256", "mime"):
            new = told.column(name).combine_chunks()
            values = set_field(values, name, pc.if_else(decided, new, values.field(name)))
        stand_in = told.column("uri").combine_chunks()
        values = set_field(values, "uri", pc.coalesce(stand_in, values.field("uri")))
        places = pc.if_else(decided, _locations(told), values.field("location"))
        return batch.with_table(with_media(batch.table, set_field(values, "location", places)))


def _mask(condition: pa.Array | pa.ChunkedArray) -> Mask:
    if isinstance(condition, pa.ChunkedArray):
        condition = condition.combine_chunks()
    mask: Mask = condition.to_numpy(zero_copy_only=False)
    return mask


def _folders(source: pa.ChunkedArray, row: Ints) -> pa.ChunkedArray:
    """Return the folder that a medium's file: address may lead into, "" for none."""
    uri = pc.fill_null(pc.struct_field(source, "uri"), "")
    is_file = pc.starts_with(uri, "file:", ignore_case=True)
    folder = pc.if_else(is_file, pc.fill_null(pc.struct_field(source, "dataset"), ""), "")
    return folder.take(pa.array(row))


def _as_rows(columns: Mapping[str, Any], length: int) -> pa.Table:
    return pa.table(
        {
            field.name: columns[field.name]
            if field.name in columns
            else pa.nulls(length, field.type)
            for field in _ROWS
        }
    ).cast(_ROWS)


def _requests(wanted: pa.Table) -> tuple[pa.Table, Ints]:
    """Return the different requests, sorted, and for each wanted row the number of its own.

    A request is key, uri, kind and folder; the folder counts for file: addresses only.
    """
    uri = wanted.column("uri").cast(pa.large_string())  # data: URIs may be gigabytes together
    is_file = pc.starts_with(uri, "file:", ignore_case=True)
    table = wanted.select(["key", "uri", "kind", "folder"])
    table = table.set_column(1, "uri", uri)
    table = table.set_column(3, "folder", pc.if_else(is_file, wanted.column("folder"), ""))
    order = pc.sort_indices(table, [(name, "ascending") for name in ("uri", "kind", "folder")])
    table = table.take(order)
    first = np.zeros(table.num_rows, np.bool_)
    for name in ("uri", "kind", "folder"):
        first |= _mask(is_first(table.column(name)))
    request = np.empty(table.num_rows, np.int64)
    request[order.to_numpy()] = np.cumsum(first) - 1
    return table.filter(pa.array(first)), request


def _pieces(requests: pa.Table) -> Iterator[list[dict[str, Any]]]:
    for start in range(0, requests.num_rows, _SLICE):
        yield requests.slice(start, _SLICE).to_pylist()


def _questions(requests: pa.Table) -> pa.Table:
    """Return key, url and kind of what the web is asked."""
    from stages.web.guard import plain

    schema = pa.schema({"key": pa.binary(16), "url": pa.string(), "kind": pa.string()})
    tables = [schema.empty_table()]
    for piece in _pieces(requests):
        urls = [plain(each["uri"]) for each in piece]
        kinds = [each["kind"] for each in piece]
        keys = digests(
            f"{kind} {url}".encode("utf-8", "replace")
            for url, kind in zip(urls, kinds, strict=True)
        )
        tables.append(pa.table({"key": keys, "url": urls, "kind": kinds}, schema=schema))
    return pa.concat_tables(tables)


def _journal(bucket: Bucket) -> Journal:
    return Journal(folder=bucket.media, step=bucket.step, bucket=bucket.index, of=bucket.of)


def _columns_of(location: Location) -> dict[str, Any]:
    return {"pack": location.pack, "offset": location.offset, "length": location.length}


def _stand_in(mime: str, sha256: str | None) -> str:
    return f"data:{mime};sha256={sha256}" if sha256 else f"data:{mime}"


def _decisions(wanted: pa.Table, found: pa.Table) -> pa.Table:
    length = wanted.num_rows
    columns: dict[str, Any] = {name: wanted.column(name) for name in ("unit", "row", "element")}
    columns["keep"] = pa.array(np.ones(length, np.bool_))
    columns |= {name: found.column(name) for name in _FOUND.names}
    columns |= {
        n: pa.nulls(length, _FETCHED.field(n).type) for n in _FETCHED.names if n not in columns
    }
    table = pa.table({name: columns[name] for name in _FETCHED.names}).cast(_FETCHED)
    return table.sort_by([(name, "ascending") for name in ("unit", "row", "element")])


def _locations(told: pa.Table) -> pa.StructArray:
    """Return struct[M], null for media without bytes."""
    names = [field.name for field in LOCATION]
    arrays = [told.column(name).combine_chunks().cast(LOCATION.field(name).type) for name in names]
    return pa.StructArray.from_arrays(arrays, names=names, mask=pc.is_null(arrays[0]))
