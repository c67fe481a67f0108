"""Pictures of evaluation sets as CLIP embeddings, and the nearest of them to other embeddings."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import Final

import numpy as np

from stages.decode import Limits, decode_reduced
from stages.elements import Floats, Ints
from stages.engines.clip import Clip
from stages.errors import RecordError
from stages.evals.items import items
from stages.pictures import Pixels

LIMITS: Final = Limits()
DECODED: Final = 64
"""Evaluation pictures that are decoded at a time."""
BLOCK: Final = 16_384
"""Evaluation embeddings that pictures are compared with at a time."""


@dataclass(frozen=True, kw_only=True)
class EmbeddedPictures:
    """The pictures of evaluation sets, each content once, under the first of its names.

    Attributes:
        names: of E pictures.
        vectors: float32[E, D], unit vectors.
    """

    names: tuple[str, ...]
    vectors: Floats


@cache
def load_embedded(path: str, clip: Clip) -> EmbeddedPictures:
    """Return the embeddings of the pictures of a file or folder; "" has none.

    They are made once in a process. Pictures that cannot be decoded are left out. Without any
    picture, no model is loaded.

    Raises:
        NotReadyError: when the sets cannot be read, or the model is not on this machine.
    """
    names, vectors = list[str](), list[Floats]()
    pictures = _pictures(path, clip)
    while some := list(islice(pictures, DECODED)):
        names += [name for name, _ in some]
        vectors.append(clip.load().embed_images([pixels for _, pixels in some]))
    made = np.concatenate(vectors) if vectors else np.empty((0, 0), np.float32)
    return EmbeddedPictures(names=tuple(names), vectors=made)


def _pictures(path: str, clip: Clip) -> Iterator[tuple[str, Pixels]]:
    """Yield name and pixels, decoded as EmbedClip decodes the run's."""
    seen = set[bytes]()
    for each in items(path, "picture") if path else ():
        digest = hashlib.sha256(each.content).digest()
        if digest not in seen:
            seen.add(digest)
            pixels = decode_reduced(each.content, LIMITS, clip.load().side_px)[1]
            if pixels is not None:
                yield each.name, pixels


def nearest(known: EmbeddedPictures, vectors: Floats) -> tuple[Floats, Ints]:
    """Return the cosine with the nearest evaluation picture, and which that is.

    Args:
        known: E >= 1 pictures.
        vectors: float32[N, D], unit vectors.

    Returns:
        float32[N]; int64[N].

    Raises:
        RecordError: when the embeddings are of another width.
    """
    if vectors.shape[1] != known.vectors.shape[1]:
        raise RecordError(
            f"the pictures have embeddings of {vectors.shape[1]} numbers, those of the evaluation "
            f"sets have {known.vectors.shape[1]}; name the same model here and in EmbedClip"
        )
    best = np.full(len(vectors), -2, np.float32)
    which = np.zeros(len(vectors), np.int64)
    for start in range(0, len(known.names), BLOCK):
        cosines = vectors @ known.vectors[start : start + BLOCK].T
        first = cosines.argmax(axis=1)
        near = cosines[np.arange(len(vectors)), first]
        better = near > best
        best[better], which[better] = near[better], first[better] + start
    return best, which
