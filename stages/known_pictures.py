"""A list of pictures known by their hashes, and which pictures of a batch are on it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from stages.dedup.hamming import distances
from stages.elements import Floats
from stages.errors import NotReadyError
from stages.picture_hashes import media_hashes
from stages.stage import Batch
from stages.word_lists import read_entries

_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_PERCEPTUAL: Final = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True, kw_only=True, eq=False)
class KnownPictures:
    """Hashes of pictures.

    Attributes:
        sha256: of whole files.
        perceptual: uint64[K], as stages.perceptual_hash gives them.
    """

    sha256: frozenset[str]
    perceptual: npt.NDArray[np.uint64]

    @classmethod
    def read(cls, path: str) -> KnownPictures:
        """Read a UTF-8 text file of a hash a line: 64 hex digits (SHA-256) or 16 (perceptual).

        Raises:
            NotReadyError: when there is no such file, nothing in it, or a line is no hash.
        """
        entries = read_entries(path)
        for number, entry in enumerate(entries, 1):
            if not _SHA256.fullmatch(entry) and not _PERCEPTUAL.fullmatch(entry):
                raise NotReadyError(
                    f"entry {number} of {path!r} is {entry[:80]!r}; write 64 hex digits (SHA-256 "
                    f"of a file) or 16 (perceptual hash) a line"
                )
        near = [int(entry, 16) for entry in entries if len(entry) == 16]
        return cls(
            sha256=frozenset(entry for entry in entries if len(entry) == 64),
            perceptual=np.array(near, np.uint64),
        )

    def found_in(self, batch: Batch, radius: int) -> Floats:
        """Return float32[M], 1 for the media that are on the list, else 0.

        Args:
            batch: whose media are looked at; those with bytes also by their perceptual hash.
            radius: bits in which that may differ from one of the list.
        """
        media = batch.media()
        names = media.column("sha256").to_pylist()
        known = np.array([name in self.sha256 for name in names], np.bool_)
        if len(self.perceptual) and len(media):
            hashes, hashed = media_hashes(batch, media)
            for at in np.flatnonzero(hashed & ~known).tolist():
                away = distances(np.full(len(self.perceptual), hashes[at]), self.perceptual)
                known[at] = bool((away <= radius).any())
        return known.astype(np.float32)
