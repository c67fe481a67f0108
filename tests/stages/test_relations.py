"""Measurements of pictures against sentences, on planted geometry."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.relations import UNSHOWN, assigned, best, distances, document, near, residual

AXES = np.eye(8, dtype=np.float32)


def _unit(*values):
    vector = np.zeros(8, np.float32)
    vector[: len(values)] = values
    return vector / np.linalg.norm(vector)


def _random(rows, width, seed):
    vectors = np.random.default_rng(seed).normal(size=(rows, width)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_best_is_the_highest_cosine():
    images = np.stack([_unit(3, 4), AXES[7]])
    np.testing.assert_allclose(best(images, AXES[:3]), [0.8, 0], atol=1e-6)


def test_near_weighs_sentences_by_their_distance():
    images, sentences = AXES[:1], np.stack([AXES[0], AXES[1], AXES[0]])
    distance = distances(np.array([1]), np.arange(3))
    assert distance.tolist() == [[0, 0, 1]]
    found = near(images, sentences, distance, neighbours=2)
    np.testing.assert_allclose(found, [(1 + 0 + 0.5) / 2.5], rtol=1e-6)
    np.testing.assert_allclose(near(images, sentences, distance, neighbours=1), [0.5], rtol=1e-6)


def test_near_is_not_judged_without_a_sentence_around():
    distance = distances(np.array([UNSHOWN, 9]), np.arange(2))
    assert np.isnan(near(AXES[:2], AXES[:2], distance, neighbours=4)).all()


def test_distance_counts_the_sentences_between():
    assert distances(np.array([0, 3]), np.array([0, 2, 5])).tolist() == [[0, 2, 5], [2, 0, 2]]


def test_document_is_the_cosine_with_the_mean():
    np.testing.assert_allclose(document(AXES[:3], AXES[:2]), [0.5**0.5, 0.5**0.5, 0], atol=1e-6)
    opposed = np.stack([AXES[0], -AXES[0]])
    assert document(AXES[:1], opposed).tolist() == [0.0]


def test_residual_is_0_for_what_the_sentences_span_and_1_for_what_they_do_not():
    images = np.stack([_unit(1, 2), _unit(0, 0, 1), _unit(0, 0, 0, 5)])
    np.testing.assert_allclose(residual(images, AXES[:2]), [0, 1, 1], atol=1e-6)


def test_residual_of_half_a_picture_is_half_of_what_chance_leaves():
    image = _unit(1, 0, 1)[None]
    np.testing.assert_allclose(residual(image, AXES[:2]), [0.5 / (1 - 1 / 8)], rtol=1e-6)


def test_a_sentence_told_twice_holds_no_more_than_told_once():
    images = _random(3, 8, 0)
    once, twice = AXES[:2], np.concatenate([AXES[:2], AXES[:2]])
    np.testing.assert_allclose(residual(images, once), residual(images, twice), atol=1e-5)


def test_many_sentences_do_not_hold_a_picture_by_chance():
    few, many = (residual(_random(50, 128, 1), _random(count, 128, 2)) for count in (4, 400))
    assert few.mean() > 0.9
    assert many.mean() > 0.6  # four of 400 chosen to fit; all 400 span everything


def test_as_many_sentences_as_dimensions_leave_nothing_but_opposites():
    images = np.abs(_random(2, 4, 3))
    np.testing.assert_allclose(residual(images, AXES[:4, :4]), [0, 0], atol=1e-6)
    np.testing.assert_allclose(residual(-images, AXES[:4, :4]), [1, 1], atol=1e-6)


def test_a_picture_is_less_and_less_held_as_it_turns_away_from_the_text():
    angles = np.linspace(0, np.pi / 2, 9)
    images = np.stack([_unit(np.cos(angle), 0, np.sin(angle)) for angle in angles])
    left = residual(images, AXES[:2])
    assert (np.diff(left) >= 0).all()
    assert left[0] == pytest.approx(0, abs=1e-6)


def test_assigned_gives_no_sentence_to_two_pictures():
    images = np.stack([_unit(1, 0.1), _unit(1, 0.9), AXES[7]])
    found = assigned(images, AXES[:2])
    expected = [images[0] @ AXES[0], images[1] @ AXES[1], np.nan]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@given(st.integers(1, 4), st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_assigned_has_the_largest_sum_of_all_assignments(pictures, sentences, seed):
    images, texts = _random(pictures, 5, seed), _random(sentences, 5, seed + 1)
    cosines = images @ texts.T
    tall = cosines if pictures >= sentences else cosines.T
    orders = itertools.permutations(range(tall.shape[0]), tall.shape[1])
    largest = max(tall[list(order), range(tall.shape[1])].sum() for order in orders)
    assert np.nansum(assigned(images, texts)) == pytest.approx(largest, abs=1e-5)


@given(st.integers(1, 6), st.integers(1, 12), st.integers(8, 32), st.integers(0, 2**32 - 1))
def test_measurements_lie_in_their_ranges_whatever_the_vectors(pictures, sentences, width, seed):
    images, texts = _random(pictures, width, seed), _random(sentences, width, seed + 1)
    left = residual(images, texts)
    assert ((left >= 0) & (left <= 1)).all()
    top = best(images, texts)
    assert (top <= 1 + 1e-6).all()
    assert (np.nan_to_num(assigned(images, texts), nan=-1) <= top + 1e-6).all()
    # a sentence alone holds cos^2, and more sentences hold no less, chance aside
    alone = 1 - np.maximum(top, 0) ** 2
    assert (left <= np.clip(alone / (1 - min(4, sentences) / width), 0, 1) + 1e-4).all()


@given(st.integers(0, 2**32 - 1))
def test_a_picture_that_is_a_sentence_is_held_wholly(seed):
    texts = _random(5, 32, seed)
    np.testing.assert_allclose(residual(texts[2:3], texts), [0], atol=1e-5)


def test_no_pictures_give_no_measurements():
    none = np.empty((0, 8), np.float32)
    assert (
        residual(none, AXES).shape == best(none, AXES).shape == assigned(none, AXES).shape == (0,)
    )
