"""The fetcher and robots.txt: read once for a host, obeyed, and never a trap."""

from itertools import pairwise

import pytest

from tests.stages.web.asking import fetch, fetch_all, later
from tests.stages.web.hostile import redirect, response


def robots(server, text, status="200 OK"):
    server.pages["/robots.txt"] = response(text.encode(), status, "text/plain")


def test_robots_txt_is_read_once_for_a_host_and_obeyed(server):
    robots(server, "User-agent: *\nDisallow: /ok\nAllow: /ok?2\n")
    found = fetch_all(server, [server.url(path) for path in ("/ok?1", "/ok?2", "/chunked")])
    assert [each.status for each in found] == ["refused: robots.txt", "ok", "ok"]
    assert server.paths(robots=True).count("/robots.txt") == 1
    assert "/ok?1" not in server.paths()


def test_rules_for_us_go_before_those_for_all(server):
    robots(server, "User-agent: *\nDisallow: /\nUser-agent: Quern/2\nDisallow: /private\n")
    assert fetch(server, "/ok").status == "ok"


def test_a_redirect_obeys_the_robots_txt_of_where_it_leads(server):
    robots(server, "User-agent: *\nDisallow: /ok\n")
    assert fetch(server, "/to_ok").status == "refused: robots.txt"
    assert server.paths() == ["/to_ok"]


@pytest.mark.parametrize("status", ["404 Not Found", "401 Unauthorized", "403 Forbidden"])
def test_without_robots_txt_all_is_allowed(server, status):
    robots(server, "User-agent: *\nDisallow: /", status)
    assert fetch(server, "/ok").status == "ok"


@pytest.mark.parametrize("status", ["500 Oops", "503 Busy", "429 Too Many Requests"])
def test_a_robots_txt_that_cannot_be_read_forbids_all(server, status):
    robots(server, "", status)
    found = fetch_all(server, [server.url("/ok"), server.url("/chunked")])
    assert [each.status for each in found] == ["robots.txt unreachable"] * 2
    assert server.paths() == []
    assert len(server.asked) == 3  # the attempts of one reading


def test_a_robots_txt_that_leads_in_a_circle_is_none(server):
    server.pages["/robots.txt"] = redirect("/robots.txt")
    assert fetch(server, "/ok").status == "ok"


def test_a_robots_txt_that_never_answers_has_the_status_of_that(server):
    server.pages["/robots.txt"] = (later, 30)
    assert fetch(server, "/ok", attempts=1).status == "timeout: first byte"


def test_a_robots_txt_of_any_length_is_read_to_the_limit(server):
    robots(server, "User-agent: *\nDisallow: /ok\n" + "# padding\n" * 400_000)
    assert fetch(server, "/ok").status == "refused: robots.txt"
    assert fetch(server, "/chunked").status == "ok"


def test_a_page_for_robots_txt_forbids_nothing(server):
    robots(server, "<!doctype html><html>Disallow: nothing<p>User-agent: *")
    assert fetch(server, "/ok").status == "ok"


def test_a_crawl_delay_is_kept(server):
    robots(server, "User-agent: *\nCrawl-delay: 0.2\n")
    fetch_all(server, [server.url("/ok"), server.url("/chunked"), server.url("/unframed")])
    times = [at for _, path, at, _ in server.asked if path != "/robots.txt"]
    assert min(b - a for a, b in pairwise(times)) > 0.18


def test_a_crawl_delay_beyond_the_bound_keeps_us_away(server):
    robots(server, "User-agent: *\nCrawl-delay: 86400\n")
    assert fetch(server, "/ok").status == "refused: crawl-delay"
    assert server.paths() == []


def test_robots_txt_and_tag_can_be_left_aside(server):
    robots(server, "User-agent: *\nDisallow: /\n")
    assert fetch(server, "/noai", robots=False, robots_tags=False).status == "ok"
    assert server.paths(robots=True) == ["/noai"]
