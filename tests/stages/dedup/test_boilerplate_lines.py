"""BoilerplateLines drops what recurs on many pages of one site, and nothing else."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.cut_texts import without
from stages.dedup.boilerplate_lines import BoilerplateLines
from stages.dedup.pieces import STRETCHES
from stages.dedup.sites import domain_of, host_of
from tests.fakes import batch_of, sample, texts_of
from tests.stages.dedup.driver import decisions_of, split


def page(number, *texts, host="mill.example"):
    row = sample(f"{number:x}", *texts)
    return {**row, "source": {"uri": f"http://{host}/{number}"}}


def cut_texts(rows, *, units=1, buckets=1, **options):
    """Return the texts of the run without the lines that were dropped."""
    batches = split(rows, units)
    decisions = decisions_of(BoilerplateLines(**options), batches, buckets=buckets).to_pylist()
    left = []
    for unit, batch in enumerate(batches):
        parts = batch.parts()
        for text, row, element in zip(texts_of(batch), parts.row, parts.position, strict=True):
            mine = [
                d for d in decisions if (d["unit"], d["row"], d["element"]) == (unit, row, element)
            ]
            left.append(without(text, sorted((d["start"], d["stop"]) for d in mine)))
    return left


def test_a_line_on_three_pages_of_a_site_goes_and_on_two_it_stays():
    two = [page(i, f"own {'abc'[i]}\nAll rights reserved") for i in range(2)]
    assert cut_texts(two) == [f"own {c}\nAll rights reserved" for c in "ab"]
    three = [*two, page(2, "own c\nAll rights reserved")]
    assert cut_texts(three, units=2, buckets=3) == ["own a", "own b", "own c"]


def test_pages_are_counted_not_places():
    rows = [page(0, "Share this\nShare this\nShare this"), page(1, "Share this")]
    assert cut_texts(rows) == ["Share this\nShare this\nShare this", "Share this"]


def test_a_line_must_recur_on_a_share_of_the_pages_of_its_site():
    rows = [page(i, f"{'own ' * (i + 1)}") for i in range(7)] + [
        page(7 + i, "Cite") for i in range(3)
    ]
    assert cut_texts(rows, min_share=0.3)[7:] == ["", "", ""]
    assert cut_texts(rows, min_share=0.31)[7:] == ["Cite"] * 3


def test_other_sites_do_not_count():
    rows = [page(i, "Contact us", host=f"mill{i}.example") for i in range(4)]
    assert cut_texts(rows) == ["Contact us"] * 4


def test_subdomains_are_one_site_unless_hosts_are_asked_for():
    rows = [page(i, "Contact us", host=f"www{i}.mill.com") for i in range(3)]
    assert cut_texts(rows) == ["", "", ""]
    assert cut_texts(rows, site="host") == ["Contact us"] * 3


def test_pages_without_a_host_stay():
    rows = [
        {**sample(str(i), "Contact us"), "source": {"uri": u}}
        for i, u in enumerate(["", None, "x"])
    ]
    assert cut_texts(rows) == ["Contact us"] * 3


def test_the_first_page_may_keep_the_line_once():
    rows = [page(i, "Terms apply\nTerms apply") for i in range(3)]
    assert cut_texts(rows, keep="first", units=2) == ["Terms apply", "", ""]


def test_numbers_make_no_difference_unless_asked_for():
    rows = [page(i, f"{10**i} Comments") for i in range(3)]
    assert cut_texts(rows) == ["", "", ""]
    assert cut_texts(rows, digits=False) == ["1 Comments", "10 Comments", "100 Comments"]


def test_headings_rulers_and_lines_of_other_lengths_are_not_judged():
    rows = [page(i, "## Sources", "----------", "abc", "abcdefgh") for i in range(3)]
    assert cut_texts(rows, max_chars=7) == ["## Sources", "----------", "abc", "abcdefgh"] * 3
    assert cut_texts(rows, headings=True) == ["", "----------", "abc", ""] * 3


def test_decisions_follow_the_schema_and_tell_the_pages():
    rows = [page(i, "own", "Imprint") for i in range(3)] + [page(3, "other")]
    decisions = decisions_of(BoilerplateLines(), [batch_of(rows)])
    assert decisions.schema.equals(STRETCHES)
    assert decisions.to_pylist()[0] == {
        "unit": 0,
        "row": 0,
        "element": 1,
        "keep": False,
        "score": 0.75,
        "threshold": pytest.approx(0.1),
        "reason": "on 3 of 4 pages of its site",
        "start": 0,
        "stop": 7,
    }


def test_a_run_without_lines_has_empty_decisions():
    decisions = decisions_of(BoilerplateLines(), [batch_of([sample("a")])])
    assert decisions.schema.equals(STRETCHES)
    assert decisions.num_rows == 0


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.tuples(st.sampled_from("xy"), st.lists(st.sampled_from("abc"))), max_size=8),
    st.integers(2, 3),
    st.sampled_from([0.0, 0.5, 1.0]),
    st.integers(1, 4),
    st.integers(1, 5),
)
def test_agrees_with_counting_by_hand_in_whatever_units(pages, least, share, units, buckets):
    rows = [page(i, "\n".join(lines), host=host) for i, (host, lines) in enumerate(pages)]
    sizes = Counter(host for host, _ in pages)
    bearing = Counter((host, line) for host, lines in pages for line in set(lines))
    gone = {key for key, n in bearing.items() if n >= least and n / sizes[key[0]] >= share}
    expected = ["\n".join(x for x in lines if (host, x) not in gone) for host, lines in pages]
    options = {"min_pages": least, "min_share": share, "min_chars": 1}
    assert cut_texts(rows, units=units, buckets=buckets, **options) == expected


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_pages": 1}, "at least 2, got 1"),
        ({"min_share": 1.5}, r"in \[0, 1\], got 1.5"),
        ({"min_chars": 9, "max_chars": 8}, "got 9 and 8"),
    ],
)
def test_impossible_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        BoilerplateLines(**options)


def test_sites_of_odd_addresses():
    assert [host_of(u) for u in ("HTTP://A.b:1/", "a.b/c", "http://[")] == ["a.b", "", ""]
    assert [domain_of(h) for h in ("a.b.co.uk", "co.uk", "localhost")] == [
        "b.co.uk",
        "co.uk",
        "localhost",
    ]
