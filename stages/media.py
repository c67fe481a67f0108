"""Content-addressed packs: the bytes of media, written once, read by reference.

A pack is a file of byte strings laid end to end; rows carry (pack, offset, length). A pack
holds each content once and appears under its name only when it is whole.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import BinaryIO, Final

import pyarrow as pa
import pyarrow.compute as pc

from stages.errors import StorageError
from stages.files import atomic, open_parquet
from stages.places import AnyPath, at_once, is_remote, place, read_bytes

SHARD_SUFFIX: Final = ".parquet"
"""A pack of this ending is a shard; its name is then a whole path."""


@dataclass(frozen=True, kw_only=True)
class Location:
    """Where the bytes lie: pack name, byte offset, length in bytes; see also `shard_location`."""

    pack: str
    offset: int
    length: int


@dataclass(frozen=True, kw_only=True)
class MediaStore:
    """Reads media out of the packs of one folder, or out of shards.

    Attributes:
        root: folder of the packs.
    """

    root: AnyPath

    def read(self, location: Location) -> bytes:
        """Return the bytes at a location; of a remote pack, in one request for just them.

        Raises:
            StorageError: when the pack is missing or shorter than the location says.
        """
        if location.pack.endswith(SHARD_SUFFIX):
            return _from_shard(location)
        path = self.root / location.pack
        try:
            data = read_bytes(path, location.offset, location.offset + location.length)
        except FileNotFoundError as error:
            raise StorageError(
                f"media pack {path} is missing; run the same command again without "
                f"deleting the run's media folder"
            ) from error
        if len(data) != location.length:
            raise StorageError(
                f"media pack {path} ends before byte {location.offset + location.length}"
            )
        return data

    def read_all(self, locations: Iterable[Location]) -> Iterator[bytes]:
        """Yield the bytes at each location; remote ones are fetched some ahead, at once.

        Raises:
            StorageError: as `read` does.
        """
        return at_once(self.read, locations, remote=is_remote(self.root))


def shard_location(path: str, group: int, number: int, length: int) -> Location:
    """Return where a picture lies in a shard.

    Args:
        path: of the shard, absolute.
        group: row group of the shard.
        number: of the picture, counted through the `images` of the group.
        length: bytes.
    """
    return Location(pack=path, offset=group << 32 | number, length=length)


def _from_shard(location: Location) -> bytes:
    group, number = divmod(location.offset, 1 << 32)
    data: bytes = _pictures(location.pack, group)[number].as_py() or b""
    if len(data) != location.length:
        raise StorageError(f"shard {location.pack} has changed since its rows were read")
    return data


@lru_cache(maxsize=2)
def _pictures(path: str, group: int) -> pa.Array:
    """Return the pictures of a row group; rows that follow each other share it."""
    with open_parquet(place(path)) as shard:
        column = shard.read_row_group(group, columns=["images"]).column("images")
    return pc.struct_field(pc.list_flatten(column), "bytes").combine_chunks()


@dataclass(kw_only=True)
class Pack:
    """A pack being written; equal contents are stored once.

    Attributes:
        name: of the pack, for the locations in it.
        file: what is written to.
    """

    name: str
    file: BinaryIO
    _seen: dict[str, Location] = field(default_factory=dict)
    _end: int = 0

    def add(self, data: bytes) -> tuple[str, Location]:
        """Store the bytes unless they are there already; return their sha256 and location."""
        sha256 = hashlib.sha256(data).hexdigest()
        if sha256 not in self._seen:
            self.file.write(data)
            self._seen[sha256] = Location(pack=self.name, offset=self._end, length=len(data))
            self._end += len(data)
        return sha256, self._seen[sha256]


@contextmanager
def write_pack(path: AnyPath) -> Iterator[Pack]:
    """Give a pack to fill; it takes its name when the block ends without an error.

    Raises:
        StorageError: when it cannot be written.
    """
    with atomic(path) as file:
        yield Pack(name=path.name, file=file)
