"""Exact cosines of 16-bit vectors, and k-means that gives the same bits however it is cut."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.dedup import centroids
from stages.dedup.centroids import cosines, k_means, nearest


def unit(seed, count, width=16):
    vectors = np.random.default_rng(seed).normal(size=(count, width))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)


@given(st.integers(0, 2**32 - 1), st.integers(1, 512))
def test_inner_products_do_not_hang_on_the_order_of_the_summands(seed, width):
    a, b = unit(seed, 2, width)
    order = np.random.default_rng(seed).permutation(width)
    exact = sum(
        int(x * 2**24) * int(y * 2**24) for x, y in zip(a.tolist(), b.tolist(), strict=True)
    )
    products = a.astype(np.float64) @ b.astype(np.float64)
    assert products == a[order].astype(np.float64) @ b[order].astype(np.float64)
    assert products == exact / 2**48


def test_equal_vectors_have_a_cosine_of_exactly_one():
    vectors = unit(1, 500, 37)
    assert np.diag(cosines(vectors, vectors)).tolist() == [1.0] * 500


def test_cosines_equal_those_of_numpy_in_whatever_length():
    a, b = unit(1, 5) * np.float16(0.5), unit(2, 7)
    wide = a.astype(np.float64), b.astype(np.float64)
    expected = wide[0] @ wide[1].T / np.outer(*(np.linalg.norm(each, axis=1) for each in wide))
    np.testing.assert_allclose(cosines(a, b), expected, rtol=1e-6)


def test_a_vector_of_zeros_is_like_nothing():
    assert cosines(np.zeros((1, 4), np.float16), unit(1, 3, 4)).tolist() == [[0, 0, 0]]


def test_of_centroids_equally_near_the_first_is_taken():
    vectors = unit(3, 1)
    which, near = nearest(vectors, np.repeat(vectors, 3, axis=0))
    assert (which.tolist(), near.tolist()) == ([0], [1.0])


@pytest.mark.parametrize("block", [1, 7, 1000])
def test_centroids_are_the_same_bits_in_blocks_of_any_size(block, monkeypatch):
    vectors = unit(5, 200)
    whole = k_means(vectors, 8)
    monkeypatch.setattr(centroids, "BLOCK_ROWS", block)
    assert k_means(vectors, 8).tobytes() == whole.tobytes()


def test_centroids_find_planted_directions():
    truth = unit(7, 4, 64)
    near = np.random.default_rng(8).normal(0, 0.02, (400, 64))
    vectors = (np.repeat(truth, 100, axis=0) + near).astype(np.float16)
    vectors = vectors[np.random.default_rng(9).permutation(400)]
    first = [int(np.argmax(cosines(vectors[:40], truth)[:, i])) for i in range(4)]
    vectors[[0, 1, 2, 3]], vectors[first] = vectors[first], vectors[[0, 1, 2, 3]]
    found = k_means(vectors, 4)
    assert cosines(found, truth).max(axis=0).min() > 0.99


def test_there_are_no_more_centroids_than_vectors():
    vectors = unit(1, 3)
    assert k_means(vectors, 10).tobytes() == vectors.tobytes()


def test_a_centroid_that_nothing_is_near_stays_where_it_was():
    vectors = np.repeat(unit(1, 1), 5, axis=0)
    assert k_means(vectors, 2).tobytes() == vectors[:2].tobytes()
