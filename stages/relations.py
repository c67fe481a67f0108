"""How the pictures of a document relate to its sentences, from unit embeddings of both.

All functions take one document: `images` float32[I, D] and `sentences` float32[S, D], rows of
length 1, and give float32[I], a number for each picture. No threshold is in any of them.
"""

from __future__ import annotations

from typing import Final, cast

import numpy as np

from stages.elements import Floats, Ints

MAX_RANK: Final = 8
"""Most sentences that are tried to make up a picture: any D of them would make up anything."""
RANK_CUT: Final = 0.1
"""Directions in which sentences vary by less than this share of their main one are left out."""
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

    Each picture is projected on the span of the MAX_RANK sentences most like it, without the
    directions under RANK_CUT. Of D dimensions r hold a share r / D of anything, so what is left
    of the squared length is divided by what chance leaves, (D - r) / D, as the adjusted
    coefficient of determination does. 0: the sentences say it all; 1: no more than chance.

    Source: Ezekiel 1930, "Methods of Correlation Analysis" (adjusted coefficient).
    """
    order = np.argsort(-(images @ sentences.T), axis=1, kind="stable")[:, :MAX_RANK]
    return np.array(
        [_left(image, sentences[near]) for image, near in zip(images, order, strict=True)],
        np.float32,
    ).reshape(len(images))


def _left(image: Floats, sentences: Floats) -> float:
    _, strength, directions = np.linalg.svd(sentences.astype(np.float64), full_matrices=False)
    basis = directions[strength > RANK_CUT * strength[0]]
    rank, width = basis.shape
    left = 1 - float(np.sum((basis @ image) ** 2))
    by_chance = 1 - rank / width
    return float(np.clip(left / by_chance, 0, 1)) if by_chance > 0 else max(left, 0.0)


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
