"""The fetcher against a hostile server: every address ends with a status, and nothing hangs."""

import asyncio
import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.stages.web.asking import Everywhere, fetch, fetch_all, host_of, later
from tests.stages.web.hostile import BEHAVIOURS, PNG, Hostile, names, redirect, response

STATUSES = {
    "ok": "ok",
    "gzipped": "ok",
    "chunked": "ok",
    "unframed": "ok",
    "drip": "too slow",
    "drip_header": "timeout: first byte",
    "endless": "too large",
    "loop": "redirect loop",
    "loop2": "redirect loop",
    "far": "too many redirects",
    "nowhere": "redirect to nowhere",
    "to_file": "refused: scheme",
    "to_ok": "ok",
    "long": "not HTTP",
    "short": "body cut short",
    "huge": "too large",
    "bomb": "too large",
    "matryoshka": "unreadable content-encoding",
    "odd_coding": "unreadable content-encoding",
    "wrong_type": "ok",
    "login": "not an image (text/html)",
    "empty": "empty",
    "busy": "ok",
    "busy_for_days": "http 429",
    "shaky": "ok",
    "broken": "http 500",
    "gone": "http 410",
    "reset": "connection reset",
    "reset_in_body": "body cut short",
    "garbage": "not HTTP",
    "flood": "not HTTP",
    "long_header": "not HTTP",
    "never": "timeout: first byte",
    "pause": "timeout: read",
    "closed": "connection reset",
    "no_content": "http 204",
    "not_modified": "http 304",
    "partial": "http 206",
    "continue": "ok",
    "noai": "refused: X-Robots-Tag",
    "tag_for_others": "ok",
    "tag_for_us": "refused: X-Robots-Tag",
    "cookie": "ok",
}


def test_every_behaviour_has_its_status(server, monkeypatch):
    urls = [server.url(f"/{name}", host_of(name)) for name in BEHAVIOURS]
    with names(monkeypatch, Everywhere()):
        found = fetch_all(server, urls)
    assert {n: each.status for n, each in zip(BEHAVIOURS, found, strict=True)} == STATUSES
    assert all((each.data == PNG) == (each.status == "ok") for each in found)


@settings(max_examples=10)
@given(
    st.lists(st.sampled_from(sorted(set(BEHAVIOURS) - {"never", "pause"})), max_size=8),
    st.integers(1, 3),
    st.booleans(),
)
def test_any_mix_of_behaviours_ends_with_one_status_each(mix, attempts, robots):
    server = Hostile()
    try:
        urls = [server.url(f"/{name}?{number}") for number, name in enumerate(mix)]
        found = fetch_all(server, urls, attempts=attempts, robots=robots, max_wait_s=0.1)
    finally:
        server.close()
    assert len(found) == len(mix)
    for name, each in zip(mix, found, strict=True):
        possible = {STATUSES[name], "host given up", "http 429", "http 503"}
        possible |= {"redirect loop"} if name == "far" else set()
        assert each.status in possible


# --- limits ------------------------------------------------------------------------------------


def test_what_was_asked_and_what_came_is_told(server):
    found = fetch(server, "/shaky")
    assert (found.code, found.attempts, found.received) == (200, 3, len(PNG))
    assert (found.mime, found.host) == ("image/png", "127.0.0.1")
    assert 0 < found.seconds < 10


def test_all_the_time_that_an_address_may_take_is_limited(server):
    server.pages["/slow"] = (_drip_forever,)
    start = time.monotonic()
    found = fetch(server, "/slow", timeout_s=0.3, min_bytes_per_s=1, read_timeout_s=9.0, attempts=1)
    assert found.status == "timeout: total"
    assert time.monotonic() - start < 5


async def _drip_forever(writer):
    writer.write(response(PNG, length=10**4))
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.01)


def test_an_address_that_cannot_be_connected_to_in_time_says_so(server):
    """192.0.2.0/24 is for documentation: nobody answers, or the network says so at once."""
    url = "http://192.0.2.1:81/x.png"
    found = fetch(server, url, ports=(81,), connect_timeout_s=0.2, attempts=1)
    assert found.status in ("timeout: connect", "no connection")


def test_a_port_where_nobody_listens_is_no_connection(server):
    found = fetch(server, "http://127.0.0.1:9/x.png", ports=(9,))
    assert found.status == "no connection"


def test_a_bomb_is_not_unpacked_beyond_the_limit(server):
    found = fetch(server, "/bomb")
    assert (found.status, found.data) == ("too large", b"")


def test_a_redirect_counts_against_the_time_and_the_last_answer_counts(server):
    assert fetch(server, "/to_ok").data == PNG
    assert server.paths() == ["/to_ok", "/ok"]


def test_redirects_are_counted(server):
    server.pages |= {f"/{n}": redirect(f"/{n + 1}") for n in range(6)}
    server.pages["/6"] = response()
    assert fetch(server, "/1").status == "ok"
    assert fetch(server, "/0").status == "too many redirects"


# --- manners -----------------------------------------------------------------------------------


def test_the_user_agent_says_who_asks_and_nothing_else_is_told(server):
    fetch(server, "/cookie")
    fetch(server, "/ok")
    _, _, _, headers = server.asked[-1]
    assert headers["user-agent"] == "quern/1.0 (+https://quern.example/bot)"
    assert headers["accept-encoding"] == "identity"
    assert not {"cookie", "authorization", "referer"} & set(headers)


def test_cookies_are_not_kept(server):
    fetch_all(server, [server.url("/cookie"), server.url("/cookie?2")], host_connections=1)
    assert all("cookie" not in headers for _, _, _, headers in server.asked)


def test_requests_to_a_host_keep_their_distance(server):
    urls = [server.url(f"/ok?{n}") for n in range(4)]
    fetch_all(server, urls, host_interval_s=0.1)
    times = [at for _, _, at, _ in server.asked]
    assert len(times) == 5  # robots.txt among them
    assert min(b - a for a, b in pairwise(times)) > 0.08


def test_a_host_is_asked_by_so_many_at_a_time(server, monkeypatch):
    server.pages["/slow"] = (later, 0.05)
    urls = [server.url(f"/slow?{n}", f"{h}.example") for n in range(6) for h in "ab"]
    server.pages |= {f"/slow?{n}": (later, 0.05) for n in range(6)}
    with names(monkeypatch, Everywhere()):
        found = fetch_all(server, urls, host_connections=2, robots=False)
    assert {each.status for each in found} == {"ok"}
    assert dict(server.most) == {"a.example": 2, "b.example": 2}


def test_so_many_requests_go_out_at_a_time(server, monkeypatch):
    server.pages |= {f"/{n}": (later, 0.05) for n in range(12)}
    urls = [server.url(f"/{n}", f"h{n}.example") for n in range(12)]
    with names(monkeypatch, Everywhere()):
        fetch_all(server, urls, connections=3, robots=False)
    assert server.at_once == 3


def test_a_host_that_asks_to_be_left_alone_is_for_all_its_addresses(server):
    found = fetch_all(server, [server.url("/busy"), server.url("/ok")], host_connections=1)
    assert [each.status for each in found] == ["ok", "ok"]
    times = [at for _, _, at, _ in server.asked]
    assert server.paths()[0] == "/busy"
    assert times[2] - times[1] > 0.95


def test_a_host_that_asks_for_too_long_is_given_up(server):
    urls = [server.url("/busy_for_days"), server.url("/ok")]
    found = fetch_all(server, urls, host_connections=1)
    assert [each.status for each in found] == ["http 429", "host given up"]
    assert found[0].attempts == 1
    assert server.paths() == ["/busy_for_days"]


def test_a_host_that_fails_again_and_again_is_given_up(server):
    urls = [server.url(f"/broken?{n}") for n in range(20)]
    found = fetch_all(server, urls, host_connections=1, max_host_failures=5, attempts=2)
    assert [each.status for each in found].count("host given up") >= 14
    assert len(server.paths()) <= 6


def test_attempts_come_at_times_that_hang_on_seed_and_address(server):
    def pauses(seed):
        server.asked.clear()
        fetch(server, "/broken", seed=seed, backoff_s=0.2)
        times = [at for _, path, at, _ in server.asked if path == "/broken"]
        return [round(b - a, 1) for a, b in pairwise(times)]

    first = pauses(0)
    assert len(first) == 2
    assert 0.1 <= first[0] <= 0.3
    assert 0.2 <= first[1] <= 0.5


@pytest.mark.parametrize("path", ["/gone", "/login", "/empty", "/loop", "/huge", "/noai"])
def test_what_will_not_change_is_asked_once(server, path):
    assert fetch(server, path).attempts == 1
