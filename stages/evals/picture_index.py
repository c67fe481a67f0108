"""Which picture of an evaluation set a picture is a copy of: found by hash, verified by detail.

Every evaluation picture is known by its perceptual hash and by that of its mirror image. What
lies within a few bits of one is compared with it in fine detail, for which its bytes are read
again: an index holds 16 bytes and a name a picture.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from stages.decode import Limits, decode_grey
from stages.errors import NotReadyError
from stages.evals.items import item, items
from stages.evals.likeness import likeness
from stages.perceptual_hash import Grey, hash_of

MAX_PICTURES: Final = 2_000_000
VERIFIED: Final = 4
"""Evaluation pictures, the nearest by hash, that a picture is compared with in detail."""
MIN_SIDE_PX: Final = 128
LIMITS: Final = Limits()

Keys = npt.NDArray[np.uint64]


@dataclass(frozen=True, kw_only=True)
class PictureIndex:
    """The pictures of evaluation sets that have a perceptual hash.

    Attributes:
        path: file or folder of the sets.
        names: of E pictures.
        hashes: uint64[2, E], of each picture, and of its mirror image.
    """

    path: str
    names: tuple[str, ...]
    hashes: Keys


@dataclass(frozen=True, kw_only=True)
class Match:
    """An evaluation picture that another may be a copy of.

    Attributes:
        name: of the evaluation picture.
        distance_bits: in which their hashes differ.
        likeness: of their fine detail, in [-1, 1].
    """

    name: str
    distance_bits: int
    likeness: float


@cache
def load_picture_index(path: str) -> PictureIndex:
    """Return the index of the evaluation pictures of a file or folder; "" has none.

    Pictures that cannot be decoded, or are too flat to have a hash, are not in it.

    Raises:
        NotReadyError: when they cannot be read, or are too many.
    """
    names, hashes = list[str](), list[tuple[int, int]]()
    for each in items(path, "picture") if path else ():
        grey = grey_of(each.content)
        upright = None if grey is None else hash_of(grey)
        mirrored = None if grey is None else hash_of(np.ascontiguousarray(grey[:, ::-1]))
        if upright is not None and mirrored is not None:
            names.append(each.name)
            hashes.append((upright, mirrored))
        if len(names) > MAX_PICTURES:
            raise NotReadyError(
                f"the evaluation sets in {path!r} hold more than {MAX_PICTURES:,} pictures; name "
                f"fewer sets, and the others in a step of their own"
            )
    keys = np.array(hashes, np.uint64).reshape(-1, 2).T
    return PictureIndex(path=path, names=tuple(names), hashes=np.ascontiguousarray(keys))


def grey_of(data: bytes) -> Grey | None:
    """Return a picture as uint8[H, W], small if that is cheaper; None when it is undecodable."""
    return decode_grey(data, LIMITS, MIN_SIDE_PX)[1]


def best_match(
    index: PictureIndex, hash_: int, read: Callable[[], bytes], radius: int
) -> Match | None:
    """Return the evaluation picture that a picture is most like in detail.

    Args:
        index: what is known.
        hash_: of the picture.
        read: gives its bytes; asked for when a hash is near.
        radius: bits in which hashes may differ, to be compared in detail.

    Returns:
        None when no hash is near, or a picture cannot be read any more.
    """
    bits = np.bitwise_count(index.hashes ^ np.uint64(hash_)).reshape(-1)
    near = np.flatnonzero(bits <= radius)
    nearest = near[np.argsort(bits[near], kind="stable")][:VERIFIED].tolist()
    grey = grey_of(read()) if nearest else None
    if grey is None:
        return None
    found = []
    for at in nearest:
        mirrored, number = divmod(at, len(index.names))
        name = index.names[number]
        known = _known(index.path, name)
        if known is not None:
            alike = likeness(grey, known[:, ::-1] if mirrored else known)
            found.append(Match(name=name, distance_bits=int(bits[at]), likeness=alike))
    return max(found, key=lambda match: match.likeness, default=None)


@lru_cache(maxsize=256)
def _known(path: str, name: str) -> Grey | None:
    """Return an evaluation picture in grey; a page that repeats one asks for it again."""
    found = item(path, name, "picture")
    return None if found is None else grey_of(found.content)
