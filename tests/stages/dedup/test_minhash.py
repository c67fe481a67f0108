"""MinHashDedup finds planted clusters, confirms them exactly, and depends on the rows alone."""

import random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.dedup.clusters import CLUSTERS
from stages.dedup.groups import MAX_LEADERS, link_groups
from stages.dedup.minhash import MinHashDedup, band_shape
from stages.stage import DECISIONS, EDGES
from tests.fakes import batch_of, sample
from tests.stages.dedup.driver import decisions_of, kept_ids, split, updated


def words(seed, count):
    draw = random.Random(seed)
    return [f"{draw.choice('abcdefgh')}{draw.randrange(5000)}" for _ in range(count)]


def edited(base, seed, places):
    """Return the words with the given number of them replaced, in one block."""
    draw = random.Random(seed)
    at = draw.randrange(len(base) - places)
    return base[:at] + words(f"edit {seed}", places) + base[at + places :]


def jaccard(a, b, ngram=5):
    sets = [{tuple(x[i : i + ngram]) for i in range(len(x) - ngram + 1)} for x in (a, b)]
    return len(sets[0] & sets[1]) / len(sets[0] | sets[1])


def clusters_of(decisions):
    found = {}
    for each in decisions.to_pylist():
        found.setdefault(each["cluster"], []).append((each["unit"], each["row"]))
    return found


@pytest.mark.parametrize("size", [2, 3, 10, 50])
def test_finds_a_planted_cluster_whole_and_keeps_one_of_it(size):
    base = words("base", 400)
    members = [sample(f"c{i}", " ".join(edited(base, i, 8))) for i in range(size)]
    others = [sample(f"d{i}", " ".join(words(f"other {i}", 300))) for i in range(20)]
    rows = members + others
    random.Random(1).shuffle(rows)
    decisions = decisions_of(MinHashDedup(), split(rows, 3), buckets=4)
    assert decisions.num_rows == size
    assert len(clusters_of(decisions)) == 1
    assert decisions.column("keep").to_pylist().count(True) == 1
    assert set(decisions.column("cluster_size").to_pylist()) == {size}


def test_decisions_follow_the_schema_and_name_the_sample_that_stays():
    text = " ".join(words("t", 100))
    decisions = decisions_of(MinHashDedup(), [batch_of([sample("a", text), sample("b", text)])])
    assert decisions.schema.equals(CLUSTERS)
    assert decisions.schema.names[: len(DECISIONS)] == DECISIONS.names
    stays, goes = decisions.to_pylist()
    identity = f"{'a':0>32}"
    assert (stays["keep"], stays["element"], stays["cluster"]) == (True, -1, identity)
    assert (goes["keep"], goes["reason"]) == (False, f"near-duplicate of {identity}")
    assert (goes["score"], goes["threshold"]) == (1.0, np.float32(0.8))


def test_the_score_is_the_exact_jaccard_similarity():
    base = words("base", 300)
    other = edited(base, 7, 12)
    rows = [sample("a", " ".join(base)), sample("b", " ".join(other))]
    decisions = decisions_of(MinHashDedup(), [batch_of(rows)])
    assert decisions.column("score").to_pylist() == [np.float32(jaccard(base, other))] * 2


@pytest.mark.parametrize(("threshold", "dropped"), [(0.75, 1), (0.750001, 0)])
def test_a_pair_at_the_threshold_is_a_duplicate_and_one_below_is_not(threshold, dropped):
    base = [f"w{i}" for i in range(128)]
    rows = [sample("a", " ".join(base)), sample("b", " ".join(base[:96]))]  # 96 of 128 words
    operator = MinHashDedup(threshold=threshold, ngram=1, bands=128, rows=1)
    decisions = decisions_of(operator, [batch_of(rows)])
    assert decisions.column("keep").to_pylist().count(False) == dropped


def test_a_chain_is_one_cluster_though_its_ends_differ():
    base = [f"w{i}" for i in range(400)]
    steps = [base[i * 30 : i * 30 + 250] for i in range(5)]
    assert jaccard(steps[0], steps[1]) > 0.75 > 0.4 > jaccard(steps[0], steps[4])
    rows = [sample(f"{i}", " ".join(step)) for i, step in enumerate(steps)]
    decisions = decisions_of(MinHashDedup(threshold=0.75), split(rows, 5), buckets=3)
    assert set(decisions.column("cluster_size").to_pylist()) == {5}


def test_case_and_white_space_alone_make_no_difference():
    text = " ".join(words("t", 60))
    variants = [text, text.upper(), text.replace(" ", "\n\u3000"), f"  {text}\t"]
    rows = [sample(f"{i}", variant) for i, variant in enumerate(variants)]
    decisions = decisions_of(MinHashDedup(threshold=1.0), split(rows, 2))
    assert decisions.column("cluster_size").to_pylist() == [4] * 4


def test_the_parts_of_a_sample_are_one_text():
    a, b = " ".join(words("a", 40)), " ".join(words("b", 40))
    rows = [sample("1", a, b), sample("2", f"{a} {b}")]
    assert len(kept_ids(MinHashDedup(threshold=1.0), rows)) == 1


def test_shared_boilerplate_does_not_make_duplicates():
    footer = words("footer", 60)
    rows = [sample(f"{i}", " ".join(words(f"t{i}", 200) + footer)) for i in range(30)]
    assert len(kept_ids(MinHashDedup(threshold=0.75), rows, units=2, buckets=2)) == 30


def test_a_text_inside_a_longer_one_is_not_its_duplicate():
    base = words("base", 400)
    rows = [sample("a", " ".join(base)), sample("b", " ".join(base[:200]))]
    assert len(kept_ids(MinHashDedup(threshold=0.75), rows)) == 2


@pytest.mark.parametrize("empty", ["", " \n\t"])
def test_samples_without_words_never_match(empty):
    rows = [sample("a", empty), sample("b", empty), sample("c"), sample("d")]
    assert decisions_of(MinHashDedup(), split(rows, 2)).num_rows == 0


def test_chinese_texts_that_differ_in_a_few_characters_are_duplicates():
    draw = random.Random(5)
    text = "".join(chr(draw.randrange(0x4E00, 0x9FA5)) for _ in range(300))
    other = text[:100] + "一二三" + text[103:]
    rows = [sample("a", text), sample("b", other), sample("c", text[::-1])]
    assert len(kept_ids(MinHashDedup(), rows)) == 2


def test_the_best_has_most_media_then_the_longest_text_then_the_smallest_id():
    text = " ".join(words("t", 200))
    more_media = [sample("9", text, media=["x"]), sample("1", f"{text} tail")]
    longer = [sample("9", f"{text} tail"), sample("1", text)]
    equal = [sample("9", text), sample("1", text)]
    kept = [kept_ids(MinHashDedup(), rows) for rows in (more_media, longer, equal)]
    assert kept == [{f"{'9':0>32}"}, {f"{'9':0>32}"}, {f"{'1':0>32}"}]


def test_first_and_latest_go_by_the_order_of_the_run():
    text = " ".join(words("t", 100))
    rows = [sample("b", text), sample("a", text), sample("c", text)]
    kept = [kept_ids(MinHashDedup(keep=keep), rows, units=2) for keep in ("first", "latest")]
    assert kept == [{f"{'b':0>32}"}, {f"{'c':0>32}"}]


def test_update_writes_cluster_and_size_and_leaves_the_rest_alone():
    text = " ".join(words("t", 100))
    units = split([sample("a", text), sample("x", "one of its kind"), sample("b", text)], 2)
    operator = MinHashDedup()
    first, second = updated(operator, units, decisions_of(operator, units))
    stands = f"{'a':0>32}"
    assert first.table.column("cluster.minhash").to_pylist() == [stands, None]
    assert second.table.column("cluster.minhash").to_pylist() == [stands]
    assert first.table.column("score.minhash.cluster_size").to_pylist() == [2.0, 1.0]
    assert second.table.schema.field("score.minhash.cluster_size").type == pa.float32()


def test_update_without_decisions_says_that_every_sample_is_alone():
    unit = batch_of([sample("a", "text")])
    (batch,) = updated(MinHashDedup(), [unit], CLUSTERS.empty_table())
    assert batch.table.column("cluster.minhash").to_pylist() == [None]
    assert batch.table.column("score.minhash.cluster_size").to_pylist() == [1.0]


def corpus():
    rows = []
    for i in range(40):
        base = words(f"doc {i}", 60 + 7 * i)
        rows.append(sample(f"{i:x}", " ".join(base), media=["m"] * (i % 3)))
        for copy in range(i % 4):
            text = " ".join(edited(base, f"{i} {copy}", 1 + len(base) // 25))
            rows.append(sample(f"{i:x}{copy}f", text))
    random.Random(3).shuffle(rows)
    return rows


@pytest.mark.parametrize("keep", ["best", "first", "latest"])
def test_units_and_buckets_do_not_matter(keep):
    rows, operator = corpus(), MinHashDedup(threshold=0.75, keep=keep)
    expected = kept_ids(operator, rows)
    assert 35 < len(expected) < 45
    for units in (1, 3, 7, len(rows) + 2):
        for buckets in (1, 4, 16):
            assert kept_ids(operator, rows, units=units, buckets=buckets) == expected


def test_scores_and_clusters_do_not_depend_on_buckets():
    units, operator = split(corpus(), 3), MinHashDedup(threshold=0.75)
    one, many = (decisions_of(operator, units, buckets=buckets) for buckets in (1, 16))
    assert one.equals(many)


@pytest.mark.parametrize("rows", [1, 2, 7, 100])
def test_the_size_of_the_slices_does_not_matter(rows, monkeypatch):
    units, operator = split(corpus(), 3), MinHashDedup(threshold=0.75)
    expected = decisions_of(operator, units, buckets=2)
    monkeypatch.setattr("stages.dedup.minhash.SLICE_ROWS", rows)
    assert decisions_of(operator, units, buckets=2).equals(expected)


def test_two_runs_give_the_same_edges():
    units, operator = split(corpus(), 2), MinHashDedup(seed=9)
    assert decisions_of(operator, units).equals(decisions_of(operator, units))


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(0, 3), max_size=25), st.integers(1, 5), st.integers(1, 6))
def test_equal_texts_form_one_cluster_in_whatever_units(labels, units, buckets):
    rows = [sample(f"{i:x}", " ".join(words(label, 20))) for i, label in enumerate(labels)]
    kept = kept_ids(MinHashDedup(keep="first"), rows, units=units, buckets=buckets)
    firsts = {labels.index(label) for label in labels}
    assert kept == {rows[i]["id"] for i in firsts}


def test_recall_and_wrong_removals_at_three_quarters():
    operator, pairs, rows = MinHashDedup(threshold=0.75, keep="first"), {}, []
    for i in range(300):
        base = words(f"p{i}", 250)
        other = edited(base, i, [12, 25, 50, 60][i % 4])  # J about .88, .79, .64, .58
        pairs[f"{i:x}e"] = jaccard(base, other)
        rows += [sample(f"{i:x}b", " ".join(base)), sample(f"{i:x}e", " ".join(other))]
    dropped = {row["id"] for row in rows} - kept_ids(operator, rows, units=2, buckets=3)
    gone = {name: f"{name:0>32}" in dropped for name in pairs}
    similar = [gone[name] for name in pairs if pairs[name] >= 0.75]
    different = [gone[name] for name in pairs if pairs[name] < 0.7]
    assert sum(similar) >= 0.98 * len(similar) > 100
    assert sum(different) <= 0.01 * len(different)


def never(left, right):
    return np.zeros(len(left), np.float32)


def test_a_giant_group_of_strangers_costs_linear_time():
    asked = []

    def similarity(left, right):
        asked.append(len(left))
        return never(left, right)

    size = 1000
    link_groups(np.zeros(size, np.int64), np.arange(size), similarity, 0.8)
    assert sum(asked) == sum(size - 1 - i for i in range(MAX_LEADERS))


def test_a_giant_group_of_duplicates_takes_one_comparison_each():
    asked = []

    def similarity(left, right):
        asked.append(len(left))
        return np.ones(len(left), np.float32)

    link_groups(np.zeros(1000, np.int64), np.arange(1000), similarity, 0.8)
    assert asked == [999]


def test_members_that_do_not_resemble_the_first_lead_each_other():
    labels = np.array([0, 1, 0, 1, 2])

    def similarity(left, right):
        return (labels[left] == labels[right]).astype(np.float32)

    left, right, _ = link_groups(np.zeros(5, np.int64), np.arange(5), similarity, 0.8)
    assert sorted(zip(left.tolist(), right.tolist(), strict=True)) == [(0, 2), (1, 3)]


def test_a_pair_that_shares_many_bands_is_compared_once_a_round():
    def similarity(left, right):
        assert (left.tolist(), right.tolist()) == ([0], [1])
        return np.ones(1, np.float32)

    group, node = np.array([0, 0, 1, 1, 2, 2]), np.array([0, 1] * 3)
    assert len(link_groups(group, node, similarity, 0.8)[0]) == 1


@pytest.mark.parametrize("threshold", [0.5, 0.7, 0.75, 0.8, 0.9, 1.0])
def test_bands_bring_a_pair_at_the_threshold_together(threshold):
    bands, rows = band_shape(threshold, 128)
    assert bands * rows <= 128
    assert 1 - (1 - threshold**rows) ** bands >= 0.98


def test_a_run_without_candidates_has_empty_edges_of_the_right_schema():
    operator, unit = MinHashDedup(), batch_of([sample("a", "alone"), sample("b", "apart")])
    rows = operator.project(unit).rows.append_column("unit", pa.nulls(36, pa.int32()).fill_null(0))
    edges = operator.decide(rows, None)
    assert edges.schema.equals(EDGES)
    assert decisions_of(operator, [unit]).schema.equals(CLUSTERS)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threshold": 0.0}, "threshold is a Jaccard similarity and must lie in"),
        ({"threshold": 80}, "got 80"),
        ({"ngram": 0}, "at least 1, got 0"),
        ({"bands": 16}, "give both bands and rows"),
        ({"bands": 20, "rows": 8}, "20 bands of 8 rows need num_perm >= 160, got 128"),
        ({"keep": "worst"}, "keep is 'worst', it must be one of"),
    ],
)
def test_bad_options_are_refused_with_the_value(options, message):
    with pytest.raises(ValueError, match=message):
        MinHashDedup(**options)
