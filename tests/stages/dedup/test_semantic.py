"""SemanticDedup keeps one of the pictures whose embeddings are nearly one."""

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.decided import apply_decisions
from stages.dedup import semantic
from stages.dedup.semantic import SemanticDedup
from stages.embeddings import with_embeddings
from tests.fakes import batch_of, sample
from tests.stages.dedup.driver import decisions_of

WIDTH = 24


def key(name):
    return hashlib.sha256(name.encode()).hexdigest()


def vector(name):
    """Return the unit vector of a picture: "hill.1" lies near "hill", and no other does."""
    kind, _, copy = name.partition(".")
    draw = np.random.default_rng(list(kind.encode()))
    base = draw.normal(size=WIDTH)
    base /= np.linalg.norm(base)
    aside = np.random.default_rng(list(name.encode())).normal(size=WIDTH)
    mixed = base + (0.1 * aside / np.linalg.norm(aside) if copy else 0)
    return mixed / np.linalg.norm(mixed)


def batches(documents, units, sizes=None):
    """Return documents, each a list of names of pictures, in so many units."""
    rows = []
    for number, shown in enumerate(documents):
        media = [
            {"sha256": key(name), "width_px": (sizes or {}).get(name, 10), "height_px": 10}
            for name in shown
        ]
        rows.append(sample(f"{number + 1:x}", "text", media=media))
    known = {key(name): vector(name) for shown in documents for name in shown if name[0] != "?"}
    made = [batch_of([rows[i] for i in part]) for part in np.array_split(range(len(rows)), units)]
    return [each.with_table(with_embeddings(each.table, "clip", known)) for each in made]


def left(documents, *, units=1, buckets=1, sizes=None, **options):
    """Return what each document still shows, and the decisions."""
    parts, operator = batches(documents, units, sizes), SemanticDedup(**options)
    decisions = decisions_of(operator, parts, buckets=buckets)
    names = {key(name): name for shown in documents for name in shown}
    found = []
    for unit, batch in enumerate(parts):
        mine = decisions.filter(decisions.column("unit").to_numpy() == unit)
        media = apply_decisions(operator, batch, mine, "step").batch.media()
        found += [[] for _ in range(len(batch))]
        for row, sha256 in zip(media.row, media.column("sha256").to_pylist(), strict=True):
            found[row - len(batch)].append(names[sha256])
    return found, decisions


def test_what_is_like_a_picture_kept_before_goes_and_its_page_stays():
    documents = [["hill", "coast"], ["hill.1"], ["valley", "hill.2"]]
    found, decisions = left(documents, keep="first", units=2, buckets=3)
    assert found == [["hill", "coast"], [], ["valley"]]
    assert decisions.column("reason").to_pylist() == [f"like picture 0 of {1:0>32}"] * 2
    assert decisions.column("threshold").to_pylist() == [np.float32(0.95)] * 2
    for score, name in zip(
        decisions.column("score").to_pylist(), ("hill.1", "hill.2"), strict=True
    ):
        assert score == pytest.approx(vector("hill") @ vector(name), abs=1e-3)


def test_the_largest_may_stay():
    sizes = {"hill": 10, "hill.1": 30, "hill.2": 30}
    found, _ = left([["hill"], ["hill.1"], ["hill.2"]], keep="largest", sizes=sizes)
    assert found == [[], ["hill.1"], []]


def test_hard_keeps_the_farthest_from_the_centroid_and_easy_the_nearest():
    documents = [["hill"], ["hill.1"], ["hill.2"], ["hill.3"]]
    centroid = sum(vector(name).astype(np.float16) for (name,) in documents)
    near = [vector(name) @ centroid for (name,) in documents]
    for keep, best in (("hard", np.argmin(near)), ("easy", np.argmax(near))):
        found, _ = left(documents, keep=keep, clusters=1)
        assert [len(shown) for shown in found] == [int(i == best) for i in range(4)]


def test_a_threshold_of_one_drops_equal_pictures_alone():
    documents = [["hill", "hill.1"], ["hill.1", "hill"], ["coast"]]
    found, _ = left(documents, threshold=1.0, keep="first", units=3)
    assert found == [["hill", "hill.1"], [], ["coast"]]


def test_pictures_without_embedding_stay():
    documents = [["?hill"], ["?hill"], ["hill"], ["hill"]]
    assert left(documents, keep="first")[0] == [["?hill"], ["?hill"], ["hill"], []]
    assert left([["?hill"]])[1].num_rows == 0
    assert left([[], []])[1].num_rows == 0


def names(seed, count):
    draw = np.random.default_rng(seed)
    kinds = draw.integers(0, count // 3, count)
    return [f"k{kind}.{draw.integers(0, 4)}" for kind in kinds]


@pytest.mark.parametrize("keep", ["hard", "easy", "first"])
def test_decisions_do_not_hang_on_units_and_buckets(keep, monkeypatch):
    monkeypatch.setattr(semantic, "MIN_SAMPLE", 8)
    documents = [names(seed, 6) for seed in range(40)]
    options = {"keep": keep, "clusters": 5, "fit_fraction": 0.2}
    whole, told = left(documents, **options)
    assert 0 < told.num_rows < 240
    for units, buckets in ((2, 4), (7, 3), (40, 8)):
        found, others = left(documents, units=units, buckets=buckets, **options)
        assert found == whole
        for name in ("element", "score", "reason"):
            assert others.column(name).to_pylist() == told.column(name).to_pylist()


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.integers(1, 4), st.floats(0.9, 0.999))
def test_every_dropped_picture_has_its_like_among_the_kept_and_no_two_kept_are_alike(
    seed, units, threshold
):
    documents = [names(seed + i, 9) for i in range(4)]
    found, decisions = left(documents, units=units, clusters=1, threshold=threshold)
    kept = [np.float16(vector(name)).astype(float) for shown in found for name in shown]
    among = np.array([[a @ b / np.sqrt((a @ a) * (b @ b)) for a in kept] for b in kept])
    assert (among - np.eye(len(kept))).max(initial=0) < np.float32(threshold) + 1e-6
    assert min(decisions.column("score").to_pylist(), default=1) >= np.float32(threshold)
    assert sum(map(len, found)) + decisions.num_rows == 36


def test_the_number_of_clusters_follows_from_the_number_of_pictures(monkeypatch):
    monkeypatch.setattr(semantic, "CLUSTER_SIZE", 4)
    documents = [[f"a{i}{j}" for j in range(8)] for i in range(10)]
    (batch,) = batches(documents, 1)
    operator = SemanticDedup(fit_fraction=1.0)
    fitted = operator.fit(operator.project(batch).sample)
    assert fitted.num_rows == 8  # the root of 80 pictures
    monkeypatch.setattr(semantic, "CLUSTER_SIZE", 1024)
    assert operator.fit(operator.project(batch).sample).num_rows == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threshold": 0.0}, "threshold must lie"),
        ({"fit_fraction": 1.5}, "got 1.5"),
        ({"keep": "best"}, "'best'"),
        ({"clusters": -1}, "got -1"),
    ],
)
def test_impossible_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        SemanticDedup(**options)
