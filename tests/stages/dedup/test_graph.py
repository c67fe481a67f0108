"""Connected components against SciPy's."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from stages.dedup.graph import components

EDGES = st.lists(st.tuples(st.integers(0, 19), st.integers(0, 19)), max_size=40)


def ends(edges):
    return (np.array([edge[side] for edge in edges], np.int64) for side in (0, 1))


@settings(deadline=None)
@given(EDGES)
def test_components_are_those_of_scipy_named_by_their_smallest_node(edges):
    left, right = ends(edges)
    found = components(left, right, 20)
    links = coo_array((np.ones(len(left)), (left, right)), shape=(20, 20))
    _, labels = connected_components(links, directed=False)
    assert found.tolist() == [labels.tolist().index(label) for label in labels]


@settings(deadline=None)
@given(EDGES, st.randoms(use_true_random=False))
def test_the_order_of_edges_does_not_matter(edges, draw):
    shuffled = [edge[:: draw.choice((1, -1))] for edge in draw.sample(edges, len(edges))]
    assert components(*ends(edges), 20).tolist() == components(*ends(shuffled), 20).tolist()
