"""Spherical k-means over unit vectors of 16-bit floats, exact to the last bit on any machine.

Every 16-bit float is a multiple of 2**-24, so a product of two is one of 2**-48; a sum of such
products that stays below 32 has a place in the 53 bits of a 64-bit float. So inner products of
(nearly) unit vectors are exact however a library blocks or threads them, and no decision hangs
on the size of a unit, the number of threads or the make of the processor. Cosines are rounded to
32 bits once, at the end, so that equal vectors have a cosine of exactly 1.

Source: Dhillon and Modha 2001, doi:10.1023/A:1007612920971 (spherical k-means).
"""

from __future__ import annotations

from typing import Final, cast

import numpy as np
import numpy.typing as npt

from stages.elements import Floats, Ints

Halves = npt.NDArray[np.float16]
Doubles = npt.NDArray[np.float64]

ITERATIONS: Final = 10
"""Rounds at most; fewer when nothing moves any more."""
BLOCK_ROWS: Final = 2048
"""Vectors that are 64-bit floats at a time."""


def cosines(left: Halves, right: Halves) -> Floats:
    """Return float32[L, R], the cosine of each float16[L, D] with each float16[R, D].

    A vector of zeros has cosine 0 with everything.
    """
    a, b = left.astype(np.float64), right.astype(np.float64)
    lengths = _lengths(a)[:, None] * _lengths(b)[None, :]
    return cast(Floats, ((a @ b.T) / lengths).astype(np.float32))


def _lengths(vectors: Doubles) -> Doubles:
    """Return float64[N], 1 for a vector of zeros."""
    squares = np.einsum("nd,nd->n", vectors, vectors)
    return cast(Doubles, np.sqrt(np.where(squares > 0, squares, 1.0)))


def nearest(vectors: Halves, centroids: Halves) -> tuple[Ints, Floats]:
    """Return int64[N], the centroid that each float16[N, D] is nearest to, and the cosine.

    Of centroids equally near, the first.
    """
    which = np.zeros(len(vectors), np.int64)
    near = np.zeros(len(vectors), np.float32)
    for start in range(0, len(vectors), BLOCK_ROWS):
        block = cosines(vectors[start : start + BLOCK_ROWS], centroids)
        best = block.argmax(axis=1)
        which[start : start + len(best)] = best
        near[start : start + len(best)] = block[np.arange(len(best)), best]
    return which, near


def k_means(vectors: Halves, clusters: int) -> Halves:
    """Return float16[K, D], the centroids of vectors that stand in a random order.

    They begin as the first K vectors, so K is at most their number. A centroid that no vector is
    nearest to stays where it was.

    Args:
        vectors: float16[N, D], N >= 1.
        clusters: how many are wanted.
    """
    centroids = vectors[: min(clusters, len(vectors))].copy()
    for _ in range(ITERATIONS):
        which, _ = nearest(vectors, centroids)
        moved = _means(vectors, which, centroids)
        if np.array_equal(moved, centroids):
            break
        centroids = moved
    return centroids


def _means(vectors: Halves, which: Ints, centroids: Halves) -> Halves:
    """Return the unit means of the vectors nearest to each centroid; sums are exact, too."""
    order = np.argsort(which, kind="stable")
    starts = np.searchsorted(which[order], np.arange(len(centroids) + 1))
    means = centroids.copy()
    for number in range(len(centroids)):
        members = order[starts[number] : starts[number + 1]]
        total = vectors[members].sum(axis=0, dtype=np.float64)
        length = np.sqrt(total @ total)
        if length > 0:
            means[number] = (total / length).astype(np.float16)
    return means
