"""How the pictures of a document relate to its sentences, from unit embeddings of both.

All functions take one document: `images` float32[I, D] and `sentences` float32[S, D], rows of
length 1, and give float32[I], a number for each picture. No threshold is in any of them.
"""

from __future__ import annotations

from typing import Final, cast

import numpy as np
import numpy.typing as npt

from stages.elements import Floats, Ints

Vectors = npt.NDArray[np.float64]

MAX_RANK: Final = 4
"""Most sentences that make up a picture together: any D of them would make up anything."""
RANK_CUT: Final = 0.1
"""Length of a sentence's own part below which it says nothing that others do not."""
UNSHOWN: Final = -1
"""Distance of a picture that no part shows."""


def best(images: Floats, sentences: Floats) -> Floats:
    """Return the highest cosine with a sentence, in [-1, 1]."""
    return cast(Floats, (images @ sentences.T).max(axis=1))


def near(images: Floats, sentences: Floats, distance: Ints, *, neighbours: int) -> Floats:
    """Return the mean cosine with the sentences around, the nearer ones weighing more.

    A sentence at distance d weighs 1 / (1 + d). NaN for pictures without a sentence around.

    Args:
        images: float32[I, D].
        sentences: float32[S, D].
        distance: int64[I, S], sentences between the picture and this one; UNSHOWN where the
            picture has no place.
        neighbours: how many sentences on each side are looked at.
    """
    around = (distance >= 0) & (distance < neighbours)
    weight = np.where(around, 1 / (1 + np.maximum(distance, 0)), 0).astype(np.float32)
    total = weight.sum(axis=1)
    with np.errstate(invalid="ignore"):
        return cast(Floats, (weight * (images @ sentences.T)).sum(axis=1) / total)


def document(images: Floats, sentences: Floats) -> Floats:
    """Return the cosine with the mean of the sentences, in [-1, 1]."""
    mean = sentences.mean(axis=0)
    length = np.linalg.norm(mean)
    return cast(Floats, images @ (mean / length if length > 0 else mean))


def residual(images: Floats, sentences: Floats) -> Floats:
    """Return what share of a picture's embedding no combination of sentences holds, in [0, 1].

    Sentences are taken one after the other, up to MAX_RANK: each time the one whose own part,
    what earlier ones do not hold already, is most like what is left of the picture. So saying
    a thing twice holds no more of it, and a sentence never holds its opposite. Of D dimensions
    r hold a share r / D of anything, so what is left of the squared length is divided by what
    chance leaves, (D - r) / D, as the adjusted coefficient of determination does. 0: the
    sentences say it all; 1: no more than chance.

    Source: Pati et al. 1993, "Orthogonal matching pursuit"; Ezekiel 1930, "Methods of
        Correlation Analysis" (adjusted coefficient).
    """
    texts = sentences.astype(np.float64)
    return np.array([_left(image, texts) for image in images.astype(np.float64)], np.float32)


def _left(image: Vectors, sentences: Vectors) -> float:
    left, own, rank = image, sentences, 0
    while rank < MAX_RANK:
        length = np.linalg.norm(own, axis=1)
        like = np.where(length > RANK_CUT, own @ left / np.maximum(length, RANK_CUT), 0)
        chosen = int(like.argmax())
        if like[chosen] <= 0:
            break
        direction = own[chosen] / length[chosen]
        left = left - (direction @ left) * direction
        own = own - np.outer(own @ direction, direction)
        rank += 1
    by_chance = 1 - rank / len(image)
    share = float(left @ left)
    return min(share / by_chance, 1.0) if by_chance > 0 else min(share, 1.0)


def assigned(images: Floats, sentences: Floats) -> Floats:
    """Return the cosine with the sentence assigned to each picture, no sentence to two.

    The assignment has the largest sum of cosines. NaN for pictures that are left over.

    Source: Zhu et al. 2023, arXiv:2304.06939, section 3 (Multimodal C4: linear assignment).
    """
    from scipy.optimize import linear_sum_assignment  # type: ignore[import-untyped]

    cosines = images @ sentences.T
    found = np.full(len(images), np.nan, np.float32)
    picture, sentence = linear_sum_assignment(cosines, maximize=True)
    found[picture] = cosines[picture, sentence]
    return found


def distances(before: Ints, places: Ints) -> Ints:
    """Return int64[I, S], how many sentences stand between each picture and each sentence.

    Args:
        before: int64[I], sentences of the document in front of the picture; UNSHOWN for none.
        places: int64[S], numbers of the sentences in the document.

    >>> distances(np.array([2, UNSHOWN]), np.array([0, 1, 2, 3])).tolist()
    [[1, 0, 0, 1], [-1, -1, -1, -1]]
    """
    gap = places[None, :] - before[:, None]
    between = np.where(gap >= 0, gap, -gap - 1)
    return np.where(before[:, None] == UNSHOWN, UNSHOWN, between)
