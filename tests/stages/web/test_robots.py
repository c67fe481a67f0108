"""What a site allows."""

import pytest

from stages.web.robots import MAX_BYTES, rules_of, tag_forbids

PAGE = "http://a.example/x/y.png"


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("", True),
        ("User-agent: *\nDisallow: /x", False),
        ("User-agent: *\nDisallow: /x\nAllow: /x/y", True),
        ("User-agent: *\nDisallow:", True),
        ("User-agent: quern\nDisallow: /\n\nUser-agent: *\nDisallow:", False),
        ("User-agent: QUERN # us\nDisallow: /", False),
        ("User-agent: other\nUser-agent: quern\nDisallow: /", False),
        ("User-agent: quernstone\nDisallow: /", True),
        ("User-agent: que\nDisallow: /", True),
        ("User-agent: other\nDisallow: /", True),
        ("User-agent: *\nDisallow: /*.png$", False),
        ("\ufeffUser-agent: *\r\nDisallow: /x\r\n", False),
        ("\0\0\0", True),
    ],
)
def test_the_group_that_names_us_counts_else_that_for_all(text, allowed):
    assert rules_of(text.encode(), "quern").allow(PAGE) is allowed


def test_what_stands_behind_the_limit_is_not_read():
    text = b"User-agent: *\nAllow: /\n" + b"#" * MAX_BYTES + b"\nDisallow: /x\n"
    assert rules_of(text, "quern").allow(PAGE)


def test_names_without_number_cost_no_time_in_proportion_to_rules():
    """Fifteen thousand names before as many rules would be 225 million entries."""
    names = "".join(f"User-agent: bot{n}\n" for n in range(15_000))
    text = names + "User-agent: *\n" + "Disallow: /x\n" * 15_000
    assert not rules_of(text.encode(), "quern").allow(PAGE)


@pytest.mark.parametrize(("delay", "seconds"), [("2.5", 2.5), ("nan", 0), ("-1", 0), ("x", 0)])
def test_a_crawl_delay_is_a_number_of_seconds(delay, seconds):
    text = f"User-agent: *\nCrawl-delay: {delay}\n"
    assert rules_of(text.encode(), "quern").crawl_delay_s == seconds


@pytest.mark.parametrize(
    ("values", "forbidden"),
    [
        ([], False),
        (["all"], False),
        (["nofollow, noarchive"], False),
        (["noindex"], True),
        (["NOAI, noimageai"], True),
        (["none"], True),
        (["nofollow", "noimageindex"], True),
        (["googlebot: noindex, noai"], False),
        (["quern: noindex"], True),
        (["*: noai"], True),
        (["googlebot: nofollow, quern: noai"], True),
        (["max-image-preview: large, noai"], True),
        (["unavailable_after: 25 Jun 2010 15:00:00 PST"], False),
    ],
)
def test_tags_for_all_and_for_us_count(values, forbidden):
    assert tag_forbids(values, "quern") is forbidden
