"""Shards: what their footers say, and the manifest that vouches for a folder of them.

A shard is a Parquet file of finished samples. Its footer carries a `Stamp`: what the token
columns were made for. A trainer whose own stamp differs must refuse the shard. The manifest
beside the shards counts what each holds, and gives its sha256.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, Final

import pyarrow as pa

from stages.errors import StorageError
from stages.files import Measure, open_parquet, sha256_of, write_bytes
from stages.geometry import MERGE
from stages.places import AnyPath, at_once, is_remote, names_in, read_bytes
from stages.record import SCHEMA_VERSION

MANIFEST: Final = "manifest.json"
STAMP_KEY: Final = b"quern"

TOKEN_COLUMNS: Final[Mapping[str, pa.DataType]] = {
    "input_ids": pa.list_(pa.int32()),
    "label_spans": pa.list_(pa.list_(pa.int32())),
    "grid_thw": pa.list_(pa.list_(pa.int32())),
    "seconds_per_grid": pa.list_(pa.float32()),
    "n_tokens": pa.int32(),
    "n_label_tokens": pa.int32(),
    "n_patches": pa.int32(),
}
"""What a trainer needs of a sample."""


@dataclass(frozen=True, kw_only=True)
class Stamp:
    """What the token columns of a shard were made for.

    Attributes:
        tokenizer: fingerprint of the tokenizer.
        template: version of the chat template.
        min_pixels: fewest pixels of a picture as the model sees it.
        max_pixels: most pixels of a picture as the model sees it.
        coordinates: what numbers of boxes and points count, "pixels" or "thousandths".
        schema_version: version of the record schema.
    """

    tokenizer: str
    template: str
    min_pixels: int
    max_pixels: int
    coordinates: str
    schema_version: int = SCHEMA_VERSION

    def to_json(self) -> str:
        """Return the stamp as JSON, the same text for equal stamps."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str | bytes) -> Stamp:
        """Return the stamp that `to_json` wrote.

        Raises:
            StorageError: when the text is not a stamp of this version of Quern.
        """
        try:
            return cls(**json.loads(text))
        except (TypeError, ValueError) as error:
            raise StorageError(f"{text!r} is not the stamp of a shard: {error}") from error


@dataclass(frozen=True, kw_only=True)
class ShardInfo:
    """What a shard holds.

    Attributes:
        file: name in the folder of shards.
        rows: samples.
        n_tokens: tokens of all samples, those of media included.
        n_label_tokens: tokens that are trained on.
        n_image_tokens: tokens of pictures and videos.
        n_patches: patches that the vision encoder sees.
        bytes: size of the file.
        sha256: of the file.
        kinds: samples of each kind.
    """

    file: str
    rows: int
    n_tokens: int
    n_label_tokens: int
    n_image_tokens: int
    n_patches: int
    bytes: int
    sha256: str
    kinds: dict[str, int]


_COUNTS: Final = (
    "rows",
    "n_tokens",
    "n_label_tokens",
    "n_image_tokens",
    "n_patches",
    "bytes",
)


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What a folder of shards holds.

    Attributes:
        stamp: what the tokens were made for; None when there is no shard.
        shards: in order of their names.
    """

    stamp: Stamp | None
    shards: tuple[ShardInfo, ...]

    @cached_property
    def totals(self) -> dict[str, int]:
        """The counts of all shards together."""
        return {name: sum(getattr(shard, name) for shard in self.shards) for name in _COUNTS}

    @cached_property
    def kinds(self) -> dict[str, int]:
        """Samples of each kind."""
        kinds: dict[str, int] = {}
        for shard in self.shards:
            for kind, rows in shard.kinds.items():
                kinds[kind] = kinds.get(kind, 0) + rows
        return dict(sorted(kinds.items()))


def read_stamp(path: AnyPath) -> Stamp:
    """Return the stamp of a shard.

    Raises:
        StorageError: when the file is missing or damaged, or is not a shard.
    """
    with open_parquet(path) as file:
        metadata = file.schema_arrow.metadata or {}
    if STAMP_KEY not in metadata:
        raise StorageError(f"{path} is not a shard: its footer has no stamp")
    return Stamp.from_json(metadata[STAMP_KEY])


@dataclass(kw_only=True)
class Tally:
    """Counts what a shard holds while its row groups are written."""

    rows: int = 0
    _sums: Counter[str] = field(default_factory=Counter)
    _kinds: Counter[str] = field(default_factory=Counter)

    def add(self, table: pa.Table) -> None:
        """Count the rows of a row group."""
        self.rows += table.num_rows
        for name in ("n_tokens", "n_label_tokens", "n_patches"):
            self._sums[name] += sum(table.column(name).to_pylist())
        self._kinds.update(table.column("kind").to_pylist())

    def info(self, file: str, measure: Measure) -> ShardInfo:
        """Return what the shard holds, given its name and its measured bytes."""
        return ShardInfo(
            file=file,
            rows=self.rows,
            n_tokens=self._sums["n_tokens"],
            n_label_tokens=self._sums["n_label_tokens"],
            n_image_tokens=self._sums["n_patches"] // MERGE**2,
            n_patches=self._sums["n_patches"],
            bytes=measure.bytes,
            sha256=measure.sha256,
            kinds=dict(self._kinds),
        )


def write_manifest(folder: AnyPath, shards: Sequence[ShardInfo]) -> Manifest:
    """Write and return the manifest of the shards in a folder.

    Raises:
        StorageError: when two shards were made for different models, or on a write error.
    """
    paths = [folder / shard.file for shard in shards]
    read = at_once(read_stamp, paths, remote=is_remote(folder))
    stamps = dict(zip(read, (shard.file for shard in shards), strict=True))
    if len(stamps) > 1:
        raise StorageError(
            f"shards {' and '.join(sorted(stamps.values()))} in {folder} were tokenized for "
            f"different models; write them to folders of their own"
        )
    manifest = Manifest(
        stamp=next(iter(stamps), None),
        shards=tuple(sorted(shards, key=lambda shard: shard.file)),
    )
    content = {**asdict(manifest), "totals": manifest.totals, "kinds": manifest.kinds}
    write_bytes(folder / MANIFEST, (json.dumps(content, indent=1) + "\n").encode())
    return manifest


def read_manifest(folder: AnyPath) -> Manifest:
    """Return the manifest of a folder of shards.

    Raises:
        StorageError: when it is missing or damaged.
    """
    path = folder / MANIFEST
    try:
        content: dict[str, Any] = json.loads(read_bytes(path))
        return Manifest(
            stamp=Stamp(**content["stamp"]) if content["stamp"] else None,
            shards=tuple(ShardInfo(**shard) for shard in content["shards"]),
        )
    except FileNotFoundError as error:
        raise StorageError(f"{path} is missing: the run that writes it did not end") from error
    except (ValueError, TypeError, KeyError) as error:
        raise StorageError(f"{path} is damaged ({error}); run the same command again") from error


def verify(folder: AnyPath) -> tuple[str, ...]:
    """Compare the shards with the manifest; return one line for each fault, naming the file.

    Raises:
        StorageError: when the manifest is missing or damaged.
    """
    shards = {shard.file: shard for shard in read_manifest(folder).shards}
    files = {name for name in names_in(folder) if name.endswith(".parquet")}
    faults = [f"{file} is not in the manifest" for file in files - shards.keys()]
    for file, shard in shards.items():
        if file not in files:
            faults.append(f"{file} is missing")
        elif (size := (folder / file).stat().st_size) != shard.bytes:
            faults.append(f"{file} has {size} bytes, the manifest says {shard.bytes}")
        elif sha256_of(folder / file) != shard.sha256:
            faults.append(f"{file} is damaged: its sha256 differs from the manifest's")
    return tuple(sorted(faults))
