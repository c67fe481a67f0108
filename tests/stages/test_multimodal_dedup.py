"""MultimodalDedup joins pages by texts, shared pictures and addresses; the pictures stay alone."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.decided import apply_decisions
from stages.dedup.images import RepeatedImages
from stages.multimodal_dedup import MultimodalDedup
from tests.fakes import batch_of, ids_of, sample
from tests.stages.dedup.driver import decisions_of, kept_ids, split, updated

BASE = [f"w{i}" for i in range(204)]  # 200 shingles of 5 words


def text(share, tail="x"):
    """Return a text whose Jaccard similarity to BASE is about `share` / (2 - share)."""
    cut = round(len(BASE) * share)
    return " ".join(BASE[:cut] + [f"{tail}{i}" for i in range(len(BASE) - cut)])


def page(name, words, *pictures, uri=""):
    row = sample(name, *([words] if words else []), media=pictures)
    row["source"] = {"uri": uri or f"http://{name}.example/"}
    return row


def kept(*rows, **options):
    left = kept_ids(MultimodalDedup(**options), list(rows), units=2, buckets=3)
    return "".join(sorted(name.lstrip("0") for name in left))


def apply(operator, batch):
    """Return what is left of one unit."""
    decisions = decisions_of(operator, [batch])
    return apply_decisions(operator, batch, decisions, "step").batch


def test_texts_that_are_nearly_the_same_need_no_other_evidence():
    assert kept(page("a", text(1), "p"), page("b", text(0.95), "q")) in ("a", "b")
    assert kept(page("a", text(1)), page("b", text(0.8))) == "ab", "similarity 0.67"


def test_shared_pictures_speak_for_texts_that_are_half_the_same():
    a, b = page("a", text(1), "p", "q"), page("b", text(0.8), "p", "q", "r")
    assert kept(a, b) == "b", "it has more pictures"
    assert kept(a, page("b", text(0.8), "p", "r", "s")) == "ab", "one of four is shared"
    assert kept(a, page("b", text(0.6), "p", "q")) == "ab", "similarity 0.43"


def test_a_shared_address_speaks_for_texts_that_are_half_the_same():
    a = page("a", text(1), uri="http://mill.example/wheel")
    assert kept(a, page("b", text(0.8), uri="https://MILL.example/wheel#top")) in ("a", "b")
    assert kept(a, page("b", text(0.8), uri="http://mill.example/stone")) == "ab"
    assert kept(a, page("b", text(0.6), uri="http://mill.example/wheel")) == "ab"


def test_a_picture_alone_links_no_texts():
    assert kept(page("a", text(1), "p"), page("b", "another text", "p")) == "ab"
    assert kept(page("a", text(1), "p"), page("b", "", "p")) == "ab"


def test_pages_of_pictures_alone_are_compared_by_them():
    pictures = "pqrst"
    assert kept(page("a", "", *pictures), page("b", "", *pictures[:4])) == "a", "4 of 5"
    assert kept(page("a", "", *pictures), page("b", "", *pictures[:3])) == "ab", "3 of 5"


def test_pictures_and_addresses_of_many_pages_are_no_evidence():
    rows = [page(c, text(0.8, tail=c), "logo", uri="http://mill.example/") for c in "abcd"]
    assert len(kept(*rows, max_pages=4)) == 1
    assert len(kept(*rows, max_pages=3)) == 4


def test_evidence_of_all_kinds_makes_one_cluster():
    by_text = page("a", text(1), "p"), page("b", text(0.95), "q", "r", uri="http://m.example/1")
    by_address = page("c", text(0.72, tail="y"), "s", "t", uri="http://m.example/1")
    by_pictures = page("d", text(0.6, tail="y"), "s", "t", "u")
    rows = [*by_text, by_address, by_pictures, page("e", text(0), "v")]
    batches = split(rows, 3)
    decisions = decisions_of(MultimodalDedup(), batches, buckets=4)
    assert decisions.column("cluster").to_pylist() == [f"{'d':0>32}"] * 4
    units = updated(MultimodalDedup(), batches, decisions)
    sizes = [s for u in units for s in u.table["score.multimodal.cluster_size"].to_pylist()]
    assert sizes == [4, 4, 4, 4, 1]
    assert {d["reason"] for d in decisions.to_pylist() if not d["keep"]} == {
        f"near-identical page of {'d':0>32}"
    }


@pytest.mark.parametrize(("keep", "stays"), [("best", "b"), ("first", "a"), ("latest", "c")])
def test_the_policy_says_which_page_stays(keep, stays):
    rows = [page("a", text(1)), page("b", text(1), "p"), page("c", text(1))]
    assert kept(*rows, keep=keep) == stays


def test_a_repeated_picture_in_different_texts_is_dropped_alone_behind_it():
    rows = [
        page("a", text(1), "chart", "p"),
        page("b", text(0.97), "chart"),  # near-identical to a: its picture is no repeat
        page("c", "about another mill", "chart", "logo"),
        page("d", "and about a third", "logo"),
        page("e", "and about a fourth", "logo"),
    ]
    batch = batch_of(rows)
    pages = apply(MultimodalDedup(), batch)
    assert ids_of(pages) == ["a", "c", "d", "e"]
    left = apply(RepeatedImages(max_documents=2), pages)
    shown = [[m["sha256"] for m in media] for media in left.table.column("media").to_pylist()]
    assert ids_of(left) == ["a", "c", "d", "e"], "the pages stay"
    assert shown == [["chart", "p"], ["chart"], [], []]


@settings(max_examples=20)
@given(st.randoms(use_true_random=False), st.integers(1, 5), st.integers(1, 6))
def test_depends_on_the_rows_alone(draw, units, buckets):
    rows = [
        page(
            f"{i:x}",
            text(draw.choice([1, 0.95, 0.8, 0.5]), tail=draw.choice("xyz")),
            *draw.sample("pqrstu", draw.randrange(4)),
            uri=f"http://mill.example/{draw.randrange(5)}",
        )
        for i in range(1, 12)
    ]
    operator = MultimodalDedup()
    whole = kept_ids(operator, rows)
    assert kept_ids(operator, rows, units=units, buckets=buckets) == whole
    random.Random(1).shuffle(rows)
    assert kept_ids(operator, rows, units=units, buckets=buckets) == whole


def test_pairs_in_slices_are_the_pairs_of_one(monkeypatch):
    rows = [page(c, text(0.8, tail=c), "p", "q") for c in "abcdefg"]
    (batch,) = split(rows, 1)
    whole = decisions_of(MultimodalDedup(), [batch])
    monkeypatch.setattr("stages.multimodal_dedup.SLICE_PAIRS", 2)
    assert decisions_of(MultimodalDedup(), [batch]).equals(whole)
    assert whole.num_rows == 7


def test_no_rows_give_no_edges():
    operator, batch = MultimodalDedup(), batch_of([])
    assert decisions_of(operator, [batch]).num_rows == 0
    rows = operator.project(batch).rows
    assert operator.partition(rows, 3).dtype == np.int64


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threshold": 1.2}, "got 0.5 and 1.2"),
        ({"threshold": 0.4}, "got 0.5 and 0.4"),
        ({"max_pages": 1}, "got 1"),
        ({"keep": "last"}, "'last'"),
    ],
)
def test_impossible_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        MultimodalDedup(**options)
