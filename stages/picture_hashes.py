"""Perceptual hashes of the pictures of a batch: each content hashed once."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from stages.decode import Limits
from stages.elements import Mask, MediaList
from stages.media import Location
from stages.perceptual_hash import perceptual_hash
from stages.stage import Batch

LIMITS: Final = Limits()

Keys = npt.NDArray[np.uint64]


def media_hashes(batch: Batch, media: MediaList) -> tuple[Keys, Mask]:
    """Return uint64[M], a hash of each medium, and bool[M], whether there is one.

    There is none of what is no picture, whose bytes are not in the packs, that cannot be decoded
    or is too flat.
    """
    found = np.zeros(len(media), np.bool_)
    hashes = np.zeros(len(media), np.uint64)
    sha256, places = media.column("sha256"), media.column("location")
    known: dict[str, int | None] = {}
    for at in np.flatnonzero(media.stored_pictures).tolist():
        name = sha256[at].as_py()
        if name not in known:
            data = batch.store.read(Location(**places[at].as_py()))
            known[name] = perceptual_hash(data, LIMITS)
        found[at] = known[name] is not None
        hashes[at] = known[name] or 0
    return hashes, found
