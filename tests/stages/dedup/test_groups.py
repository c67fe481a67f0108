"""Groups too large to hold give the edges that they would give whole."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.dedup.groups import MAX_LEADERS, link_giant, link_groups


def similarity_of(points):
    """Return how similar numbers are that stand for texts: near ones are, far ones are not."""
    return lambda left, right: (1 / (1 + np.abs(points[left] - points[right]))).astype(np.float32)


def edges(found):
    left, right, score = (column.tolist() for column in found)
    return sorted((min(a, b), max(a, b), s) for a, b, s in zip(left, right, score, strict=True))


@settings(deadline=None)
@given(st.lists(st.integers(0, 30), min_size=1, max_size=60), st.integers(1, 70))
def test_the_size_of_chunks_does_not_matter(points, size):
    points = np.array(points)
    count = len(points)
    whole = link_groups(np.zeros(count, np.int64), np.arange(count), similarity_of(points), 0.4)
    nodes = np.arange(count) * 1000 + 7
    chunked = link_giant(nodes, lambda some: similarity_of(points[some // 1000]), 0.4, size)
    wanted = [(a * 1000 + 7, b * 1000 + 7, score) for a, b, score in edges(whole)]
    assert edges(chunked) == wanted


def test_a_chunk_and_the_leaders_are_all_that_is_held():
    held = []

    def load(nodes):
        held.append(len(nodes))
        return lambda left, right: np.zeros(len(left), np.float32)

    link_giant(np.arange(1000), load, 0.5, 50)
    assert max(held) == 50 + MAX_LEADERS
