"""Who is dropped for whom, in blocks of any size."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.dedup import leaders
from stages.dedup.centroids import cosines
from stages.dedup.leaders import led


def at(*degrees):
    """Return unit vectors in a plane."""
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float16)


def by_hand(vectors, order, threshold):
    """Return the same by the definition, one after the other."""
    found = cosines(vectors[order], vectors[order])
    kept, dropped = [], []
    for i in range(len(order)):
        like = [j for j in kept if found[i, j] >= np.float32(threshold)]
        if like:
            dropped.append((i, like[0], float(found[i, like[0]])))
        else:
            kept.append(i)
    return dropped


def test_what_is_like_a_dropped_one_alone_stays():
    vectors = at(0, 10, 20)
    dropped, leader, cosine = led(vectors, np.arange(3), np.cos(np.radians(12)))
    assert (dropped.tolist(), leader.tolist()) == ([1], [0])
    assert cosine[0] == pytest.approx(np.cos(np.radians(10)), abs=1e-3)


def test_the_order_says_who_stays():
    dropped, leader, _ = led(at(0, 1), np.array([1, 0]), 0.99)
    assert (dropped.tolist(), leader.tolist()) == ([1], [0]), "places in the order"


def test_equal_vectors_are_alike_at_a_threshold_of_one():
    vectors = np.repeat(np.random.default_rng(1).normal(size=(1, 33)).astype(np.float16), 3, axis=0)
    assert led(vectors, np.arange(3), 1.0)[0].tolist() == [1, 2]


def test_of_nothing_nothing_is_dropped():
    assert [len(each) for each in led(at(), np.empty(0, np.int64), 0.9)] == [0, 0, 0]


@given(
    st.lists(st.integers(0, 359), min_size=1, max_size=40),
    st.sampled_from([1, 3, 8]),
    st.floats(0.5, 1.0),
)
def test_agrees_with_the_definition_in_blocks_of_any_size(degrees, block, threshold):
    vectors = at(*degrees)
    order = np.random.default_rng(len(degrees)).permutation(len(degrees))
    before, leaders.BLOCK = leaders.BLOCK, block
    try:
        dropped, leader, cosine = led(vectors, order, threshold)
    finally:
        leaders.BLOCK = before
    found = zip(dropped.tolist(), leader.tolist(), map(float, cosine), strict=True)
    assert list(found) == by_hand(vectors, order, threshold)
