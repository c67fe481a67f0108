"""Nodes hold unit, row and element, sort in the order of the run, and refuse what does not fit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.dedup.nodes import elements_of, nodes_of, rows_of, units_of

PLACES = st.tuples(st.integers(0, 2**21 - 1), st.integers(0, 2**26 - 1), st.integers(-1, 2**16 - 2))


def columns(places):
    return [np.array([place[i] for place in places], np.int64) for i in range(3)]


@settings(deadline=None)
@given(st.lists(PLACES, max_size=20))
def test_nodes_give_back_what_they_were_made_of_and_sort_by_it(places):
    unit, row, element = columns(places)
    nodes = nodes_of(unit, row, element)
    assert nodes.dtype == np.int64
    assert (nodes >= 0).all()
    back = zip(units_of(nodes), rows_of(nodes), elements_of(nodes), strict=True)
    assert list(back) == places
    assert [places[i] for i in np.argsort(nodes, kind="stable")] == sorted(places)


def test_a_node_without_an_element_is_the_whole_row():
    nodes = nodes_of(3, np.array([5, 6]))
    assert elements_of(nodes).tolist() == [-1, -1]
    assert units_of(nodes).tolist() == [3, 3]


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ((2**21, 0, 0), r"unit number 2097152, .* \[0, 2097152\): cut the input into fewer"),
        ((-1, 0, 0), "unit number -1"),
        ((0, 2**26, 0), "row number 67108864, .* cut the input into more, smaller files"),
        ((0, 0, 2**16 - 1), "element number 65536"),
    ],
)
def test_what_does_not_fit_is_refused_with_a_remedy(place, message):
    unit, row, element = columns([place])
    with pytest.raises(ValueError, match=message):
        nodes_of(unit, row, element)
