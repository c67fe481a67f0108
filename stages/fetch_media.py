"""Fetch the bytes of pictures and videos: from the crawl itself, from files, from data: URIs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stages.dedup.documents import bucket_of, digests
from stages.elements import Ints, Mask, set_field, with_media
from stages.media import Location, Pack, write_pack
from stages.record import LOCATION
from stages.sources.addresses import address_key, scheme_of
from stages.sources.media_bytes import (
    OK,
    Bounds,
    Fetched,
    from_crawl,
    from_data,
    from_file,
)
from stages.stage import DECISIONS, Batch, Bucket, Level, Projection, Regroup

_SCHEMES = ("crawl", "file", "data")
_FETCHED = pa.schema(
    [
        *DECISIONS,
        pa.field("uri", pa.string()),  # what stands in for a data: URI; null otherwise
        pa.field("status", pa.string()),
        pa.field("sha256", pa.string()),
        pa.field("mime", pa.string()),
        pa.field("pack", pa.string()),
        pa.field("offset", pa.int64()),
        pa.field("length", pa.int64()),
    ]
)
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
        "not an image (text/html)", "no such file", "refused: ...", "unreadable"), sha256, mime
        as the bytes show it, location in the run's media folder; a data: URI becomes
        "data:<mime>;sha256=<hex>". Drops nothing.
    Source: Quern; RFC 2397 (data:), RFC 3986 section 6 (comparing addresses).

    Attributes:
        schemes: where media may come from: crawl, file, data.
        min_bytes: smallest medium taken, bytes.
        max_bytes: largest medium taken, bytes.
    """

    reads: ClassVar = ("media", "source")
    writes: ClassVar = ("media",)
    source: ClassVar = "Quern; RFC 2397; RFC 3986, section 6"
    over: ClassVar[Level] = "media"

    schemes: tuple[str, ...] = _SCHEMES
    min_bytes: int = 1
    max_bytes: int = 20_000_000

    def __post_init__(self) -> None:
        unknown = sorted(set(self.schemes) - set(_SCHEMES))
        if unknown:
            raise ValueError(f"schemes has {unknown}; it may have {list(_SCHEMES)}")
        if not 0 < self.min_bytes <= self.max_bytes:
            raise ValueError(
                f"min_bytes must lie in [1, max_bytes], got {self.min_bytes} and {self.max_bytes}"
            )

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
        """Return the bucket of each address."""
        return bucket_of(rows.column("key"), buckets)

    def decide(self, rows: pa.Table, bucket: Bucket) -> pa.Table:
        """Fetch the bucket's addresses into the pack `fetch-<bucket>.pack`."""
        is_asset = _mask(pc.less(rows.column("unit"), 0))
        wanted = rows.filter(pa.array(~is_asset))
        assets = defaultdict(list)
        for asset in rows.filter(pa.array(is_asset)).to_pylist():
            assets[asset["key"]].append(asset)
        requests: dict[tuple[str, str, str], list[int]] = defaultdict(list)
        for index, entry in enumerate(_requests(wanted)):
            requests[entry].append(index)
        keys = wanted.column("key").to_pylist()
        fetched: list[dict[str, Any]] = [{} for _ in keys]
        with write_pack(bucket.media / f"fetch-{bucket.index}.pack") as pack:
            for entry, indices in sorted(requests.items()):
                result = self._store(entry, assets.get(keys[indices[0]], []), pack)
                for index in indices:
                    fetched[index] = result
        return _decisions(wanted, fetched)

    def _store(
        self, entry: tuple[str, str, str], assets: list[dict[str, Any]], pack: Pack
    ) -> dict[str, Any]:
        uri, kind, folder = entry
        fetched = self._fetch(uri, kind, folder, assets)
        found: dict[str, Any] = {"status": fetched.status, "mime": fetched.mime or None}
        if fetched.status == OK:
            found["sha256"], location = pack.add(fetched.data)
            found |= _columns_of(location)
        if scheme_of(uri) == "data":
            found["uri"] = _stand_in(fetched.mime, found.get("sha256"))
        return found

    def _fetch(self, uri: str, kind: str, folder: str, assets: list[dict[str, Any]]) -> Fetched:
        bounds = Bounds(min_bytes=self.min_bytes, max_bytes=self.max_bytes)
        scheme = scheme_of(uri)
        origin = "crawl" if scheme in ("http", "https") else scheme
        if not scheme:
            return Fetched(status="refused: no address")
        if origin not in self.schemes:
            return Fetched(status=f"refused: scheme {scheme[:20]}")
        if origin == "crawl":
            return from_crawl(uri, assets, kind, bounds)
        if origin == "file":
            return from_file(uri, folder, kind, bounds)
        return from_data(uri, kind, bounds)

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


def _requests(wanted: pa.Table) -> list[tuple[str, str, str]]:
    """Return (uri, kind, folder); the folder counts for file: addresses only."""
    columns = (wanted.column(name).to_pylist() for name in ("uri", "kind", "folder"))
    return [
        (uri, kind, folder if scheme_of(uri) == "file" else "")
        for uri, kind, folder in zip(*columns, strict=True)
    ]


def _columns_of(location: Location) -> dict[str, Any]:
    return {"pack": location.pack, "offset": location.offset, "length": location.length}


def _stand_in(mime: str, sha256: str | None) -> str:
    return f"data:{mime};sha256={sha256}" if sha256 else f"data:{mime}"


def _decisions(wanted: pa.Table, fetched: list[dict[str, Any]]) -> pa.Table:
    length = wanted.num_rows
    columns = {name: wanted.column(name) for name in ("unit", "row", "element")}
    columns["keep"] = pa.array(np.ones(length, np.bool_))
    for field in _FETCHED:
        if field.name not in columns:
            values = [found.get(field.name) for found in fetched]
            columns[field.name] = pa.array(values, field.type)
    table = pa.table({name: columns[name] for name in _FETCHED.names}).cast(_FETCHED)
    return table.sort_by([(name, "ascending") for name in ("unit", "row", "element")])


def _locations(told: pa.Table) -> pa.StructArray:
    """Return struct[M], null for media without bytes."""
    names = [field.name for field in LOCATION]
    arrays = [told.column(name).combine_chunks().cast(LOCATION.field(name).type) for name in names]
    return pa.StructArray.from_arrays(arrays, names=names, mask=pc.is_null(arrays[0]))
