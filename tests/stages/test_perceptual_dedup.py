"""PerceptualDedup joins pictures that look alike, and drops them as it is told."""

import io
from dataclasses import asdict
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pipelines.decided import apply_decisions
from stages import picture_hashes
from stages.media import write_pack
from stages.perceptual_dedup import PerceptualDedup
from synth.renders.scenes import landscape
from tests.fakes import batch_of, sample
from tests.stages.dedup.driver import decisions_of

SEEDS = {"hill": 1, "valley": 2, "coast": 7}


def jpeg(image, **options):
    data = io.BytesIO()
    image.convert("RGB").save(data, "JPEG", **options)
    return data.getvalue()


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A folder of pictures, and the medium of each by name."""
    folder = tmp_path_factory.mktemp("media")
    media = {}
    with write_pack(folder / "0.pack") as pack:
        for name, seed in SEEDS.items():
            image = landscape(Random(seed))[0]
            half = image.resize((image.width // 2, image.height // 2))
            copies = {"": image, " small": half, " grey": image.convert("L"), " rough": image}
            for kind, copy in copies.items():
                data = jpeg(copy, quality=40 if kind == " rough" else 90)
                media[name + kind] = medium(pack, data, copy.size)
        media["blank"] = medium(pack, jpeg(Image.new("RGB", (100, 80), "navy")), (100, 80))
        media["snow"] = medium(pack, jpeg(Image.new("RGB", (100, 80), "white")), (100, 80))
    return folder, media


def medium(pack, data, size):
    sha256, location = pack.add(data)
    place = {"width_px": size[0], "height_px": size[1], "location": asdict(location)}
    return {"sha256": sha256, "status": "ok", **place}


def run(store, documents, *, units=1, buckets=1, **options):
    """Return what each document still shows, and the decisions."""
    folder, media = store
    names = {each["sha256"]: name for name, each in media.items()}
    rows = [
        sample(f"{i + 1:x}", "text", media=[media[name] for name in shown])
        for i, shown in enumerate(documents)
    ]
    batches = [
        batch_of([rows[i] for i in part], folder)
        for part in np.array_split(range(len(rows)), units)
    ]
    operator = PerceptualDedup(**options)
    decisions = decisions_of(operator, batches, buckets=buckets)
    left = []
    for unit, batch in enumerate(batches):
        mine = decisions.filter(decisions.column("unit").to_numpy() == unit)
        outcome = apply_decisions(operator, batch, mine, "step")
        shown = outcome.batch.media()
        left += [[] for _ in range(len(batch))]
        for row, sha256 in zip(shown.row, shown.column("sha256").to_pylist(), strict=True):
            left[row - len(batch)].append(names[sha256])
    return left, decisions


def test_copies_that_many_documents_show_go_everywhere(store):
    documents = [["hill", "coast"], ["hill small"], ["valley", "hill grey"], ["hill rough"]]
    left, decisions = run(store, documents, max_documents=3, units=2, buckets=3)
    assert left == [["coast"], [], ["valley"], []]
    assert decisions.column("score").to_pylist() == [4.0] * 4
    assert set(decisions.column("threshold").to_pylist()) == {3.0}
    assert run(store, documents, max_documents=4)[0] == documents


def test_a_copy_in_the_same_document_goes(store):
    left, decisions = run(store, [["hill", "coast", "hill small", "hill grey"], ["coast"]])
    assert left == [["hill", "coast"], ["coast"]]
    gone = decisions.filter(~decisions.column("keep").to_numpy())
    assert gone.select(["element", "score", "threshold", "reason"]).to_pylist() == [
        {"element": at, "score": 3.0, "threshold": 1.0, "reason": "like one of its document"}
        for at in (2, 3)
    ]


def test_of_copies_the_largest_may_stay_alone(store):
    documents = [["hill small"], ["hill rough"], ["hill", "coast"], ["valley"]]
    left, decisions = run(store, documents, drop="copies", units=3)
    assert left == [[], ["hill rough"], ["coast"], ["valley"]]
    assert decisions.column("reason")[0].as_py() == f"like one of {'2':0>32}"
    assert set(decisions.column("threshold").to_pylist()) == {4.0}


def test_pictures_of_one_colour_are_not_judged(store):
    documents = [["blank"], ["snow"], ["blank"], ["snow"]]
    left, decisions = run(store, documents, max_documents=1)
    assert left == documents
    assert decisions.num_rows == 0


def test_pictures_without_bytes_are_not_judged():
    rows = [
        sample(f"{i}", media=[{"sha256": "x", "status": status}, {"type": "video", "status": "ok"}])
        for i, status in enumerate(["ok", "http 404", None])
    ]
    assert decisions_of(PerceptualDedup(max_documents=1), [batch_of(rows)]).num_rows == 0


def test_pictures_in_clusters_carry_their_scores(store):
    folder, media = store
    rows = [
        sample("a", media=[media["hill"], media["coast"]]),
        sample("b", media=[media["hill grey"]]),
    ]
    batch, operator = batch_of(rows, folder), PerceptualDedup()
    outcome = apply_decisions(operator, batch, decisions_of(operator, [batch]), "step")
    scores = [dict(each or []) for each in outcome.batch.media().column("scores").to_pylist()]
    told = {"perceptual.cluster_size": 2.0, "perceptual.documents": 2.0, "perceptual.distance": 0.0}
    assert scores[0] == told
    assert scores[1] == {}
    assert scores[2].keys() == told.keys()


def bits(*places):
    return sum(1 << place for place in places)


def judged(monkeypatch, hashes, **options):
    """Return the decisions about documents that show one picture each, of the given hashes."""
    monkeypatch.setattr(picture_hashes, "perceptual_hash", lambda data, limits: int(data))
    monkeypatch.setattr(type(batch_of([]).store), "read", lambda self, location: location.pack)
    rows = [
        sample(
            f"{i + 1:x}",
            media=[{"sha256": f"{each}", "status": "ok", "location": {"pack": str(each)}}],
        )
        for i, each in enumerate(hashes)
    ]
    units = [batch_of([row]) for row in rows]
    return decisions_of(PerceptualDedup(**options), units, buckets=3).to_pylist()


def test_clusters_do_not_chain(monkeypatch):
    a, b, c = bits(), bits(1, 2, 3), bits(1, 2, 3, 4, 5, 6)  # each three from the next
    decisions = judged(monkeypatch, [a, b, c], radius=3)
    assert [(d["unit"], d["cluster_size"], d["distance"]) for d in decisions] == [
        (0, 2, 0),
        (1, 2, 3),
    ]


def test_the_hash_of_most_pictures_leads(monkeypatch):
    a, b, c = bits(), bits(1, 2, 3), bits(1, 2, 3, 4, 5, 6)
    decisions = judged(monkeypatch, [a, b, c, b], radius=3)
    assert [d["distance"] for d in decisions] == [3, 0, 3, 0]


@settings(deadline=None, max_examples=30)
@given(
    st.lists(
        st.lists(st.sampled_from(["hill", "hill grey", "coast", "blank"]), max_size=3), max_size=6
    ),
    st.integers(1, 3),
    st.integers(1, 4),
    st.integers(1, 5),
)
def test_agrees_with_counting_by_hand_in_whatever_units(store, documents, limit, units, buckets):
    kinds = [[name.split()[0] for name in shown] for shown in documents]
    shows = {kind: sum(kind in shown for shown in kinds) for kind in ("hill", "coast")}
    expected = [
        [
            name
            for at, (name, kind) in enumerate(zip(shown, like, strict=True))
            if kind == "blank" or (shows[kind] <= limit and kind not in like[:at])
        ]
        for shown, like in zip(documents, kinds, strict=True)
    ]
    options = {"max_documents": limit, "units": units, "buckets": buckets}
    assert run(store, documents, **options)[0] == expected


@pytest.mark.parametrize(
    ("options", "message"),
    [({"radius": 11}, "got 11"), ({"drop": "all"}, "must be"), ({"max_documents": 0}, "got 0")],
)
def test_impossible_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        PerceptualDedup(**options)
