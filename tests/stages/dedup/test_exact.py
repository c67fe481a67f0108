"""ExactDedup joins samples that say the same, and no others."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.dedup.clusters import CLUSTERS
from stages.dedup.exact import ExactDedup
from tests.fakes import batch_of, sample
from tests.stages.dedup.driver import decisions_of, kept_ids, split, updated


def kept_names(rows, **options):
    return {each.lstrip("0") for each in kept_ids(ExactDedup(**options), rows, units=2, buckets=3)}


def test_texts_that_differ_in_white_space_only_are_equal():
    rows = [sample("a", "one two"), sample("b", " one\n\u3000two "), sample("c", "onetwo")]
    assert kept_names(rows, keep="first") == {"a", "c"}


def test_texts_that_differ_in_case_are_not():
    assert kept_names([sample("a", "One"), sample("b", "one")]) == {"a", "b"}


def test_text_parts_are_one_text():
    assert len(kept_names([sample("a", "one", "two"), sample("b", "one two")])) == 1


def test_samples_without_text_stay():
    rows = [sample("a", " "), sample("b", ""), sample("c"), sample("d", media=["x"])]
    assert kept_names(rows) == {"a", "b", "c", "d"}


def test_media_count_when_asked_for():
    rows = [sample("a", "text", media=["x"]), sample("b", "text", media=["y"])]
    assert kept_names(rows) == {"a"}
    assert kept_names(rows, of="text_and_media") == {"a", "b"}


def test_media_are_compared_in_order_by_sha256_or_else_by_uri():
    x, y = {"uri": "http://quern.example/x"}, {"uri": "http://quern.example/y"}
    known = {**x, "sha256": "s"}
    rows = [
        sample("a", "t", media=[x, y]),
        sample("b", "t", media=[x, y]),
        sample("c", "t", media=[y, x]),
        sample("d", "t", media=[known, y]),
        sample("e", "t", media=[{**y, "sha256": "s"}, y]),
    ]
    assert kept_names(rows, of="text_and_media") == {"a", "c", "d"}


def test_media_without_text_are_compared_and_nothing_at_all_is_not():
    rows = [sample("a", media=["x"]), sample("b", media=["x"]), sample("c"), sample("d")]
    assert kept_names(rows, of="text_and_media") == {"a", "c", "d"}


def test_the_best_has_most_media_then_the_longest_text_then_the_smallest_id():
    more_media = [sample("9", "t", media=["x"]), sample("1", "t")]
    longer = [sample("9", "t  t"), sample("1", "t t")]
    equal = [sample("9", "t"), sample("1", "t")]
    assert [kept_names(rows) for rows in (more_media, longer, equal)] == [{"9"}, {"9"}, {"1"}]


def test_decisions_follow_the_schema_and_name_the_sample_that_stays():
    units = split([sample("a", "t"), sample("b", "t"), sample("c", "other")], 2)
    decisions = decisions_of(ExactDedup(), units, buckets=2)
    assert decisions.schema.equals(CLUSTERS)
    assert decisions.column("keep").to_pylist() == [True, False]
    assert decisions.column("reason").to_pylist()[1] == f"duplicate of {'a':0>32}"
    assert decisions.column("score").to_pylist() == [1.0, 1.0]


def test_update_writes_cluster_and_size():
    units, operator = (
        [batch_of([sample("a", "t"), sample("x", "u"), sample("b", "t")])],
        ExactDedup(),
    )
    (batch,) = updated(operator, units, decisions_of(operator, units))
    stands = f"{'a':0>32}"
    assert batch.table.column("cluster.exact").to_pylist() == [stands, None, stands]
    assert batch.table.column("score.exact.cluster_size").to_pylist() == [2.0, 1.0, 2.0]


@settings(deadline=None, max_examples=40)
@given(st.lists(st.sampled_from("abcd "), max_size=20), st.integers(1, 5), st.integers(1, 6))
def test_the_first_of_each_text_stays_in_whatever_units_and_buckets(texts, units, buckets):
    rows = [sample(f"{i:x}", text) for i, text in enumerate(texts)]
    kept = kept_ids(ExactDedup(keep="first"), rows, units=units, buckets=buckets)
    expected = {i for i, text in enumerate(texts) if text == " " or i == texts.index(text)}
    assert kept == {rows[i]["id"] for i in expected}


@pytest.mark.parametrize("options", [{"of": "pictures"}, {"keep": "worst"}])
def test_unknown_choices_are_refused_with_what_is_possible(options):
    with pytest.raises(ValueError, match="must be"):
        ExactDedup(**options)
