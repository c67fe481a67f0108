"""Content-addressed packs: the bytes of media, written once, read by reference.

A pack is a file of byte strings laid end to end; rows carry (pack, offset, length). A pack
holds each content once and appears under its name only when it is whole.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from stages.errors import StorageError
from stages.files import atomic


@dataclass(frozen=True, kw_only=True)
class Location:
    """Where the bytes lie: pack name, byte offset, length in bytes."""

    pack: str
    offset: int
    length: int


@dataclass(frozen=True, kw_only=True)
class MediaStore:
    """Reads media out of the packs of one folder.

    Attributes:
        root: folder of the packs.
    """

    root: Path

    def read(self, location: Location) -> bytes:
        """Return the bytes at a location.

        Raises:
            StorageError: when the pack is missing or shorter than the location says.
        """
        path = self.root / location.pack
        try:
            with path.open("rb") as file:
                file.seek(location.offset)
                data = file.read(location.length)
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
def write_pack(path: Path) -> Iterator[Pack]:
    """Give a pack to fill; it takes its name when the block ends without an error.

    Raises:
        StorageError: when it cannot be written.
    """
    with atomic(path) as file:
        yield Pack(name=path.name, file=file)
