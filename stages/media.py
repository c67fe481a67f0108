"""Content-addressed packs: the bytes of media, written once, read by reference.

A pack is a file of byte strings laid end to end; rows carry (pack, offset, length). A pack
holds each content once and appears under its name only when it is whole.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from stages.errors import StorageError


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
class PackWriter:
    """Writes one pack; equal contents are stored once.

    Used as a context manager: the pack takes its name when the block ends without an error.

    Attributes:
        path: where the finished pack appears.
    """

    path: Path
    _seen: dict[str, Location] = field(default_factory=dict)
    _end: int = 0
    _file: BinaryIO | None = None

    def __enter__(self) -> Self:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._partial.open("wb")
        return self

    @property
    def _partial(self) -> Path:
        return self.path.with_name(f"{self.path.name}.{os.getpid()}.tmp")

    def add(self, data: bytes) -> tuple[str, Location]:
        """Store the bytes unless they are there already; return their sha256 and location."""
        assert self._file is not None, "PackWriter is used outside its with block"
        sha256 = hashlib.sha256(data).hexdigest()
        if sha256 not in self._seen:
            self._file.write(data)
            self._seen[sha256] = Location(
                pack=self.path.name, offset=self._end, length=len(data)
            )
            self._end += len(data)
        return sha256, self._seen[sha256]

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._file is not None
        if error is None:
            self._file.flush()
            os.fsync(self._file.fileno())
        self._file.close()
        if error is None:
            self._partial.replace(self.path)
        else:
            self._partial.unlink(missing_ok=True)
