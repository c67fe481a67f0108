"""Turn the files of finished units into training shards that hold the bytes of their pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stages.elements import Ints, media_of
from stages.errors import RecordError
from stages.files import Measure, open_parquet, parquet_writer, read_table
from stages.media import MediaStore
from stages.places import AnyPath, at_once, is_remote
from stages.shard_layout import finish, shard_schema
from stages.shards import TOKEN_COLUMNS, ShardInfo, Tally
from stages.stage import Operator

MIB: Final = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Slice:
    """Rows [start, stop) of a unit's file."""

    path: AnyPath
    start: int
    stop: int


@dataclass(frozen=True, kw_only=True)
class ShardJob:
    """What goes into one shard.

    Attributes:
        file: name of the shard.
        groups: for each row group of the shard, the rows that it holds.
        schema: schema of every shard of the run, with the metadata of the footer.
    """

    file: str
    groups: tuple[tuple[Slice, ...], ...]
    schema: pa.Schema


@dataclass(frozen=True, kw_only=True)
class WriteShards(Operator):
    """Cut the rows of a run into shards, in order, and put the media's bytes into them.

    A shard opens with `datasets.load_dataset("parquet", data_files=...)` and shows its
    pictures; `stages.shard_layout` says what its columns hold.

    Reads: every column; those of TokenizeSample must be there.
    Writes: images list<struct<bytes, path>>, and videos if the run shows any.
    Source: Quern; the layout is that of Hugging Face `datasets`.

    Attributes:
        max_shard_mb: size at which a shard is full, MiB before compression.
        row_group_mb: size at which a row group is full, MiB before compression; what a reader
            holds in memory at once.
    """

    reads: ClassVar = ("messages", "media", *TOKEN_COLUMNS, "stamp")
    writes: ClassVar = ("images",)
    source: ClassVar = "Quern"

    max_shard_mb: int = 512
    row_group_mb: int = 64

    def __post_init__(self) -> None:
        if not 1 <= self.row_group_mb <= 1024:
            raise ValueError(f"row_group_mb must lie in [1, 1024], got {self.row_group_mb}")
        if self.max_shard_mb < self.row_group_mb:
            raise ValueError(
                f"max_shard_mb {self.max_shard_mb} is under row_group_mb {self.row_group_mb}"
            )

    def plan(self, parts: Sequence[AnyPath]) -> list[ShardJob]:
        """Return the shards of a run, the same for the same unit files; reads no media bytes.

        Args:
            parts: the kept rows of every unit, in unit order.

        Raises:
            RecordError: when a file lacks the token columns, or the files do not fit together.
            StorageError: when a file is missing or damaged.
        """
        remote = bool(parts) and is_remote(parts[0])
        looks = [look for look in at_once(_look, parts, remote=remote) if len(look.sizes)]
        if not looks:
            return []
        schema = _common_schema(looks)
        sizes = np.concatenate([look.sizes for look in looks])
        groups = _cut(sizes, self.row_group_mb * MIB)
        group_sizes = np.add.reduceat(sizes, [start for start, _ in groups])
        slices = _slices(looks, groups)
        return [
            ShardJob(
                file=f"part-{index:05d}.parquet", groups=tuple(slices[start:stop]), schema=schema
            )
            for index, (start, stop) in enumerate(_cut(group_sizes, self.max_shard_mb * MIB))
        ]

    def write(self, job: ShardJob, store: MediaStore, folder: AnyPath) -> ShardInfo:
        """Write one shard into the folder and return what it holds; the same bytes every time.

        Raises:
            StorageError: when media bytes are missing or the shard cannot be written.
            RecordError: when a sample was edited after it was tokenized.
        """
        read = lru_cache(maxsize=1)(read_table)  # neighbouring row groups share a part
        tally, measure = Tally(), Measure()
        with parquet_writer(folder / job.file, job.schema, measure) as writer:
            for group in job.groups:
                pieces = [read(piece.path)[piece.start : piece.stop] for piece in group]
                rows = pa.concat_tables(pieces, promote_options="default").combine_chunks()
                table = finish(rows, store, job.schema)
                writer.write_table(table, row_group_size=table.num_rows)
                tally.add(table)
        return tally.info(job.file, measure)


@dataclass(frozen=True, kw_only=True)
class _Look:
    """What the plan needs to know of a unit's file.

    Attributes:
        path: the file.
        schema: its columns.
        sizes: int64[N], bytes that each row takes in a shard, roughly.
        stamps: the stamps of its rows.
        videos: whether a row has a video.
    """

    path: AnyPath
    schema: pa.Schema
    sizes: Ints
    stamps: frozenset[str]
    videos: bool


def _look(path: AnyPath) -> _Look:
    with open_parquet(path) as file:
        schema, rows = file.schema_arrow.remove_metadata(), file.metadata.num_rows
        groups = [file.metadata.row_group(index) for index in range(file.num_row_groups)]
        absent = [name for name in WriteShards.reads if name not in schema.names]
        if rows and absent:
            raise RecordError(
                f"{path} has no column {absent[0]}; end the steps of the recipe with "
                f"stages.tokenize_sample.TokenizeSample"
            )
        table = file.read(columns=["media", "stamp"]) if rows else pa.table({})
    if not rows:
        return _Look(path=path, schema=schema, sizes=_no_rows(), stamps=frozenset(), videos=False)
    media = media_of(table)
    lengths = pc.struct_field(media.values, ["location", "length"]).fill_null(0).to_numpy()
    in_media = np.bincount(media.row, weights=lengths, minlength=rows).astype(np.int64)
    beside = -(-sum(group.total_byte_size for group in groups) // rows)
    return _Look(
        path=path,
        schema=schema,
        sizes=in_media + beside,
        stamps=frozenset(table.column("stamp").unique().to_pylist()),
        videos=pc.any(pc.equal(media.column("type"), "video")).as_py() or False,
    )


def _no_rows() -> Ints:
    return np.empty(0, dtype=np.int64)


def _cut(sizes: Ints, limit: int) -> list[tuple[int, int]]:
    """Return runs [start, stop) of at most `limit` bytes, or of one item that is larger.

    >>> _cut(np.array([3, 3, 3, 9, 1]), limit=6)
    [(0, 2), (2, 3), (3, 4), (4, 5)]
    """
    ends = np.cumsum(sizes)
    runs, start, before = [], 0, 0
    while start < len(sizes):
        stop = max(int(np.searchsorted(ends, before + limit, side="right")), start + 1)
        runs.append((start, stop))
        start, before = stop, int(ends[stop - 1])
    return runs


def _slices(looks: Sequence[_Look], groups: Sequence[tuple[int, int]]) -> list[tuple[Slice, ...]]:
    """Return where the rows [start, stop) of the whole run lie, for each group."""
    last = np.cumsum([len(look.sizes) for look in looks])
    first = np.r_[0, last[:-1]]

    def where(start: int, stop: int) -> Iterator[Slice]:
        one, end = np.searchsorted(last, [start, stop - 1], side="right")
        for index in range(int(one), int(end) + 1):
            yield Slice(
                path=looks[index].path,
                start=max(start - int(first[index]), 0),
                stop=min(stop, int(last[index])) - int(first[index]),
            )

    return [tuple(where(start, stop)) for start, stop in groups]


def _common_schema(looks: Sequence[_Look]) -> pa.Schema:
    stamps = sorted(frozenset().union(*(look.stamps for look in looks)))
    if len(stamps) != 1:
        raise RecordError(f"the units were tokenized in different ways: {' and '.join(stamps)}")
    try:
        whole = pa.unify_schemas([look.schema for look in looks], promote_options="default")
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise RecordError(f"the units' columns do not fit together: {error}") from error
    return shard_schema(whole, stamp=stamps[0], videos=any(look.videos for look in looks))
