"""Connected components and forests against SciPy's."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from stages.dedup.graph import (
    components,
    empty_forest,
    forest_of_edges,
    forest_of_table,
    merged,
)

SCORED = st.lists(
    st.tuples(st.integers(-9, 19), st.integers(-9, 19), st.integers(0, 100)), max_size=40
)
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


def forest(edges):
    left, right, score = (np.array([edge[i] for edge in edges], np.int64) for i in range(3))
    return forest_of_edges(left * 2**40, right * 2**40, (score / 100).astype(np.float32))


def same(one, other):
    return one.to_table().equals(other.to_table())


@settings(deadline=None)
@given(SCORED)
def test_a_forest_knows_the_component_and_the_best_score_of_every_node(edges):
    found = forest(edges)
    nodes = sorted({node for edge in edges for node in edge[:2]})
    assert (found.node // 2**40).tolist() == nodes
    links = [[nodes.index(edge[side]) for edge in edges] for side in (0, 1)]
    graph = coo_array((np.ones(len(edges)), links), shape=(len(nodes), len(nodes)))
    _, labels = connected_components(graph, directed=False) if nodes else (0, np.empty(0))
    smallest = [nodes[labels.tolist().index(label)] for label in labels]
    assert (found.label // 2**40).tolist() == smallest
    best = [max(edge[2] for edge in edges if node in edge[:2]) for node in nodes]
    assert found.score.tolist() == [np.float32(score / 100) for score in best]


@settings(deadline=None)
@given(SCORED, st.integers(1, 6), st.randoms(use_true_random=False))
def test_forests_of_heaps_of_edges_merge_into_that_of_all_in_any_order(edges, heaps, draw):
    spread = draw.sample(edges, len(edges))
    forests = [forest(spread[heap::heaps]) for heap in range(heaps)]
    half = len(forests) // 2
    tree = merged([merged(forests[half:]), merged(forests[:half])])
    assert same(tree, forest(edges))
    assert same(merged(forests), forest(edges))


def test_a_forest_survives_the_way_through_a_table():
    one = forest([(3, 1, 50), (7, 8, 60), (1, 2, 70)])
    assert same(forest_of_table(one.to_table()), one)
    assert one.root.tolist() == [0, 0, 0, 3, 3]


def test_no_edges_make_an_empty_forest():
    assert len(forest([]).node) == 0
    assert same(merged([]), empty_forest())
