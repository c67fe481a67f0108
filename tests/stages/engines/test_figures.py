"""Figures are those of independent references."""

import doctest

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stages.engines import figures
from stages.engines.figures import recall_at, roc_auc

scores = st.lists(st.integers(0, 5).map(float), min_size=1, max_size=12)


def test_the_examples_in_the_docstrings_hold():
    assert doctest.testmod(figures).failed == 0


@given(scores, scores)
def test_the_area_is_the_share_of_pairs_in_the_right_order(positive, negative):
    pairs = [(a > b) + (a == b) / 2 for a in positive for b in negative]
    assert roc_auc(positive, negative) == np.mean(pairs)


def test_a_row_whose_own_is_no_higher_than_k_others_is_not_recalled():
    similarity = np.array([[0.5, 0.5, 0.1], [0.1, 0.9, 0.2], [0.8, 0.7, 0.6]], np.float32)
    assert [recall_at(similarity, k) for k in (1, 2, 3)] == [1 / 3, 2 / 3, 1.0]
