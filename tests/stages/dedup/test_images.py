"""RepeatedImages drops what many documents show, everywhere, and repeats within one."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.dedup.images import RepeatedImages
from stages.stage import DECISIONS
from tests.fakes import batch_of, sample
from tests.stages.dedup.driver import decisions_of, split


def places(rows, *, units=1, buckets=1, **options):
    """Return {(row, element)} that lose their picture; rows counted over the whole run."""
    batches = split(rows, units)
    decisions = decisions_of(RepeatedImages(**options), batches, buckets=buckets)
    before = [sum(len(batch) for batch in batches[:i]) for i in range(units)]
    return {(before[d["unit"]] + d["row"], d["element"]) for d in decisions.to_pylist()}


@pytest.mark.parametrize(("documents", "dropped"), [(10, 0), (11, 11)])
def test_ten_documents_may_show_a_picture_and_eleven_may_not(documents, dropped):
    rows = [sample(f"{i:x}", media=[f"own {i}", "logo"]) for i in range(documents)]
    found = places(rows, units=3, buckets=4)
    assert found == {(i, 1) for i in range(dropped)}


def test_documents_are_counted_not_places():
    rows = [sample("a", media=["x", "x", "x"]), sample("b", media=["x"])]
    assert places(rows, max_documents=2) == {(0, 1), (0, 2)}
    assert places(rows, max_documents=1) == {(0, 0), (0, 1), (0, 2), (1, 0)}


def test_a_picture_without_sha256_goes_by_its_uri_and_one_with_neither_stays():
    by_uri = {"uri": "http://quern.example/a.png"}
    rows = [sample(f"{i}", media=[by_uri, {}, {}]) for i in range(3)]
    assert places(rows, max_documents=2) == {(0, 0), (1, 0), (2, 0)}


def test_videos_stay():
    rows = [sample(f"{i}", media=[{"type": "video", "sha256": "v"}]) for i in range(3)]
    assert places(rows, max_documents=1) == set()


def test_decisions_follow_the_schema_with_count_threshold_and_reason():
    rows = [sample("a", media=["x", "y"]), sample("b", media=["x", "z", "z", "z"])]
    decisions = decisions_of(RepeatedImages(max_documents=1), [batch_of(rows)])
    assert decisions.schema.equals(DECISIONS)
    assert [tuple(each.values()) for each in decisions.to_pylist()] == [
        (0, 0, 0, False, 2.0, 1.0, "shown by many documents"),
        (0, 1, 0, False, 2.0, 1.0, "shown by many documents"),
        (0, 1, 2, False, 3.0, 1.0, "repeated in its document"),
        (0, 1, 3, False, 3.0, 1.0, "repeated in its document"),
    ]


def test_a_run_without_pictures_has_empty_decisions():
    decisions = decisions_of(RepeatedImages(), [batch_of([sample("a", "text")])])
    assert decisions.schema.equals(DECISIONS)
    assert decisions.num_rows == 0


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.lists(st.sampled_from("abc"), max_size=4), max_size=8),
    st.integers(1, 3),
    st.integers(1, 4),
    st.integers(1, 5),
)
def test_agrees_with_counting_by_hand_in_whatever_units(documents, limit, units, buckets):
    rows = [sample(f"{i:x}", media=media) for i, media in enumerate(documents)]
    shows = {name: sum(name in media for media in documents) for name in "abc"}
    expected = {
        (row, at)
        for row, media in enumerate(documents)
        for at, name in enumerate(media)
        if shows[name] > limit or name in media[:at]
    }
    assert places(rows, units=units, buckets=buckets, max_documents=limit) == expected


def test_a_limit_below_one_is_refused():
    with pytest.raises(ValueError, match="must be at least 1, got 0"):
        RepeatedImages(max_documents=0)
