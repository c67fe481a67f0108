"""What a plan needs to know of every row: its tokens, patches and labels, where it comes from."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from stages.errors import NotReadyError, StorageError
from stages.files import open_parquet
from stages.places import AnyPath, at_once, is_remote
from stages.shards import STAMP_KEY, Manifest, ShardInfo, Stamp, read_manifest

Ints = npt.NDArray[np.int64]
Ints32 = npt.NDArray[np.int32]

_COLUMNS: Final = ("n_tokens", "n_label_tokens", "n_patches", "kind", "source.dataset")


class Group(NamedTuple):
    """Rows of one kind from one source dataset: what the loss is told apart by."""

    dataset: str
    kind: str


class Chunk(NamedTuple):
    """A row group of a shard: what is read at once."""

    file: str
    row_group: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Counts:
    """Counts of N rows in C chunks; a row is named by its number over all shards.

    Attributes:
        folder: of the shards.
        stamp: what the rows were tokenized for.
        digest: hash of the contents of all shards.
        chunks: the row groups, in order of the shards.
        first: int64[C + 1], the first row of each chunk; the last entry is N.
        groups: the datasets and kinds there are.
        group: int32[N], index into `groups`.
        n_tokens: int32[N], those of media included.
        n_label_tokens: int32[N].
        n_patches: int32[N].
    """

    folder: AnyPath
    stamp: Stamp
    digest: str
    chunks: tuple[Chunk, ...]
    first: Ints
    groups: tuple[Group, ...]
    group: Ints32
    n_tokens: Ints32
    n_label_tokens: Ints32
    n_patches: Ints32

    def __len__(self) -> int:
        return len(self.n_tokens)

    @cached_property
    def chunk_of(self) -> Ints32:
        """int32[N], the chunk of each row."""
        return np.repeat(np.arange(len(self.chunks), dtype=np.int32), np.diff(self.first))


def read_counts(folder: AnyPath, wanted: Stamp) -> Counts:
    """Return the counts of a folder of shards, read by the columns that hold them.

    Args:
        folder: of the shards and their manifest.
        wanted: what the trainer's tokenizer, template and pixel bounds are.

    Raises:
        NotReadyError: when the shards were made for another model, or there are none.
        StorageError: when a file is missing or damaged, or is not what the manifest says.
    """
    manifest = read_manifest(folder)
    if manifest.stamp is None:
        raise NotReadyError(f"{folder} holds no sample; run a recipe that keeps some")
    check_stamp(manifest.stamp, wanted, folder)
    paths = [folder / shard.file for shard in manifest.shards]
    read = list(at_once(_read_shard, paths, remote=is_remote(folder)))
    for shard, got in zip(manifest.shards, read, strict=True):
        _check_shard(folder, shard, got, manifest.stamp)
    return _join(folder, manifest, manifest.stamp, read)


def check_stamp(found: Stamp, wanted: Stamp, where: AnyPath) -> None:
    """Refuse shards whose tokens mean something else to the trainer's model.

    Raises:
        NotReadyError: naming each difference with both values.
    """
    mine, theirs = asdict(wanted), asdict(found)
    different = [
        f"{name} {theirs[name]!r}, the trainer {mine[name]!r}"
        for name in mine
        if mine[name] != theirs[name]
    ]
    if different:
        raise NotReadyError(
            f"the shards in {where} were made for another model: they have "
            f"{'; '.join(different)}. Name the processor and pixel bounds that TokenizeSample "
            f"used, or run the recipe again with the trainer's"
        )


@dataclass(frozen=True, kw_only=True)
class _Shard:
    """Counts of one shard.

    Attributes:
        stamp: of the footer, as JSON.
        rows: in each row group.
        numbers: three columns of int32, n_tokens, n_label_tokens and n_patches, joined.
        group: int32 index of each row into `groups`.
        groups: as they come.
    """

    stamp: bytes
    rows: tuple[int, ...]
    numbers: tuple[Ints32, ...]
    group: Ints32
    groups: tuple[Group, ...]


def _read_shard(path: AnyPath) -> _Shard:
    with open_parquet(path) as file:
        _check_columns(path, file)
        pieces = [file.read_row_group(i, columns=_COLUMNS) for i in range(file.num_row_groups)]
        stamp = (file.schema_arrow.metadata or {}).get(STAMP_KEY, b"")
    table = pa.concat_tables(pieces).combine_chunks()
    group, groups = _group_rows(table)
    return _Shard(
        stamp=stamp,
        rows=tuple(piece.num_rows for piece in pieces),
        numbers=tuple(_int32(table.column(name)) for name in _COLUMNS[:3]),
        group=group,
        groups=groups,
    )


def _check_columns(path: AnyPath, file: pq.ParquetFile) -> None:
    if absent := [name for name in _COLUMNS[:4] if name not in file.schema_arrow.names]:
        raise NotReadyError(
            f"{path} has no column {absent[0]}: the trainer reads shards that a recipe wrote with "
            f"stages.write_shards.WriteShards"
        )


def _int32(column: Any) -> Ints32:
    values: Ints32 = column.to_numpy().astype(np.int32)
    return values


def _group_rows(table: pa.Table) -> tuple[Ints32, tuple[Group, ...]]:
    """Return the group of each row, and the groups."""
    datasets, dataset = _encoded(table.column("source").combine_chunks().field("dataset"))
    kinds, kind = _encoded(table.column("kind"))
    pairs, group = np.unique(dataset * len(kinds) + kind, return_inverse=True)
    groups = [Group(datasets[pair // len(kinds)], kinds[pair % len(kinds)]) for pair in pairs]
    return group.astype(np.int32), tuple(groups)


def _encoded(column: Any) -> tuple[list[str], Ints]:
    """Return the different strings of a column, null being "", and the number of each row's."""
    column = pa.chunked_array([column]) if isinstance(column, pa.Array) else column
    encoded = column.fill_null("").combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):  # of a column without rows
        return [], np.empty(0, np.int64)
    return encoded.dictionary.to_pylist(), encoded.indices.to_numpy().astype(np.int64)


def _check_shard(folder: AnyPath, told: ShardInfo, got: _Shard, stamp: Stamp) -> None:
    if sum(got.rows) != told.rows:
        raise StorageError(
            f"{folder / told.file} holds {sum(got.rows)} samples, the manifest says {told.rows}; "
            f"run the recipe again with the same command"
        )
    if Stamp.from_json(got.stamp) != stamp:
        raise StorageError(f"{folder / told.file} has another stamp than the manifest beside it")


def _join(folder: AnyPath, manifest: Manifest, stamp: Stamp, shards: Sequence[_Shard]) -> Counts:
    groups = sorted({group for shard in shards for group in shard.groups})
    number = {group: index for index, group in enumerate(groups)}
    tables = [np.array([number[g] for g in shard.groups], np.int32) for shard in shards]
    files = [shard.file for shard in manifest.shards]
    hashes = "".join(shard.sha256 for shard in manifest.shards)
    return Counts(
        folder=folder,
        stamp=stamp,
        digest=hashlib.sha256(hashes.encode()).hexdigest(),
        chunks=tuple(
            Chunk(file, index)
            for file, shard in zip(files, shards, strict=True)
            for index in range(len(shard.rows))
        ),
        first=np.cumsum([0, *(rows for shard in shards for rows in shard.rows)], dtype=np.int64),
        groups=tuple(groups),
        group=np.concatenate([t[s.group] for t, s in zip(tables, shards, strict=True)]),
        n_tokens=np.concatenate([shard.numbers[0] for shard in shards]),
        n_label_tokens=np.concatenate([shard.numbers[1] for shard in shards]),
        n_patches=np.concatenate([shard.numbers[2] for shard in shards]),
    )
