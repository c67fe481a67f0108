"""The documents that the criteria are held to, and the arithmetic of the table."""

from itertools import islice

import numpy as np
import pytest

from benchmarks.criteria_documents import HEAVY_PICTURES, VARIANTS, rendered, row_of, site
from benchmarks.interleaved_scores import BALANCE, _pairs, wilson
from filters.density_balance import DensityBalance
from stages.measure_density import MeasureDensity
from stages.media import write_pack
from tests.fakes import batch_of


def _words(pieces):
    return sum(len(piece.split()) for piece in pieces if isinstance(piece, str))


def _pictures(pieces):
    return [piece for piece in pieces if not isinstance(piece, str)]


@pytest.mark.parametrize("documents", [rendered(2, 0), site(0)], ids=["rendered", "site"])
def test_variants_differ_in_what_they_are_called_for(documents):
    for variants in islice(documents, 2):
        assert tuple(variants) == VARIANTS
        own = _pictures(variants["complementary"])[0]
        told = " ".join(text for text in variants["redundant"] if isinstance(text, str))
        assert own.caption.capitalize() in told
        assert all(fact in told for fact in own.facts)
        assert _pictures(variants["redundant"]) == [own]
        for other in ("decorative", "wrong"):
            (shown,) = _pictures(variants[other])
            assert shown.caption != own.caption
        assert _words(variants["text-heavy"]) > 1900
        assert len(_pictures(variants["image-heavy"])) == HEAVY_PICTURES
        assert _words(variants["image-heavy"]) <= 30


def test_no_lead_tells_what_its_picture_shows():
    for variants in rendered(20, 5, heavy=1):
        before, lead, own, after = variants["complementary"]
        assert own.caption.lower() not in f"{before} {lead} {after}".lower()


def test_the_same_seed_gives_the_same_documents(tmp_path):
    def ids(seed):
        with write_pack(tmp_path / "0.pack") as pack:
            return [row_of(each["wrong"], pack)["id"] for each in rendered(2, seed, heavy=1)]

    assert ids(1) == ids(1)
    assert not set(ids(1)) & set(ids(2))


def test_balance_punishes_what_outweighs(tmp_path):
    rows = {variant: [] for variant in VARIANTS}
    with write_pack(tmp_path / "0.pack") as pack:
        for variants in rendered(3, 0):
            for variant, pieces in variants.items():
                rows[variant].append(row_of(pieces, pack))
    measure, judge = MeasureDensity().build(), DensityBalance().build()
    found = {
        variant: judge(measure(batch_of(some, tmp_path)))["balance"]
        for variant, some in rows.items()
    }
    for more, less in BALANCE:
        assert (found[more] > found[less]).all(), (more, less)


def test_a_tie_is_half_right_and_what_was_not_judged_does_not_count():
    found = {
        "more": np.array([2, 1, 1, np.nan], np.float32),
        "less": np.array([1, 1, 2, 0], np.float32),
    }
    assert _pairs(found, "more", "less").startswith("0.500 [")


def test_the_interval_of_wilson_holds_the_share_and_narrows():
    assert wilson(0, 0) == (0.0, 1.0)
    few, many = wilson(9, 10), wilson(900, 1000)
    assert few[0] < many[0] < 0.9 < many[1] < few[1] < 1
    np.testing.assert_allclose(wilson(95, 100), [0.8882, 0.9785], atol=1e-4)
