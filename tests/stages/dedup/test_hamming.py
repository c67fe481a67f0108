"""Hashes within a radius find each other, and follow leaders within it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.dedup.graph import forest_of_edges
from stages.dedup.hamming import MAX_RADIUS, band_keys, band_masks, distances, led_by, linked

HASHES = st.lists(st.integers(0, (1 << 64) - 1), min_size=1, max_size=4)


@st.composite
def near_hashes(draw):
    """Draw hashes of which many are a few bits from each other."""
    found = draw(HASHES)
    for _ in range(draw(st.integers(0, 12))):
        bits = draw(st.lists(st.integers(0, 63), max_size=6))
        found.append(draw(st.sampled_from(found)) ^ sum(1 << bit for bit in set(bits)))
    return np.array(found, np.uint64)


@settings(deadline=None)
@given(near_hashes(), st.integers(0, MAX_RADIUS))
def test_hashes_within_the_radius_share_a_key(hashes, radius):
    keys = band_keys(hashes, radius)
    for i, a in enumerate(hashes.tolist()):
        for j, b in enumerate(hashes.tolist()):
            if (a ^ b).bit_count() <= radius:
                assert (keys[i] == keys[j]).any()


@pytest.mark.parametrize(("radius", "masks"), [(0, 1), (1, 3), (4, 15), (10, 66)])
def test_masks_are_pairs_of_bands_that_cover_all_bits(radius, masks):
    found = band_masks(radius)
    assert len(found) == masks
    assert np.bitwise_or.reduce(found) == np.uint64((1 << 64) - 1)


@settings(deadline=None)
@given(near_hashes(), st.integers(0, 8), st.data())
def test_links_join_what_all_pairs_of_a_group_join(hashes, radius, data):
    group = np.sort(
        data.draw(st.lists(st.integers(0, 1), min_size=len(hashes), max_size=len(hashes)))
    )
    a, b = linked(group, hashes, radius)
    assert (group[a] == group[b]).all()
    assert (distances(hashes[a], hashes[b]) <= radius).all()
    assert len(a) < max(len(hashes), 1)
    pairs = [
        (i, j)
        for i in range(len(hashes))
        for j in range(i)
        if group[i] == group[j] and (int(hashes[i]) ^ int(hashes[j])).bit_count() <= radius
    ]
    left, right = np.array(pairs, np.int64).reshape(-1, 2).T
    assert _labels(a, b) == _labels(left, right)


def _labels(left, right):
    forest = forest_of_edges(left, right, np.ones(len(left), np.float32))
    return dict(zip(forest.node.tolist(), forest.label.tolist(), strict=True))


@settings(deadline=None)
@given(near_hashes(), st.integers(0, 8))
def test_leaders_are_those_of_a_walk_in_order(hashes, radius):
    leader = np.empty(len(hashes), np.int64)
    led_by(np.zeros(len(hashes), np.int64), hashes, radius, leader)
    leaders = []
    for i, each in enumerate(hashes.tolist()):
        near = [k for k in leaders if (int(hashes[k]) ^ each).bit_count() <= radius]
        leaders += [] if near else [i]
        assert leader[i] == (near[0] if near else i)


def test_a_group_has_leaders_of_its_own():
    leader = np.empty(3, np.int64)
    led_by(np.array([0, 0, 1]), np.zeros(3, np.uint64), 4, leader)
    assert leader.tolist() == [0, 0, 2]
