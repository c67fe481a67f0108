"""The fetcher against a hostile server: every address ends with a status, and nothing hangs."""

import asyncio
import ssl
import subprocess
import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.sources.media_bytes import Bounds
from stages.web import guard
from stages.web.fetcher import fetcher_of
from stages.web.guard import is_public
from stages.web.options import Web
from tests.stages.web.hostile import BEHAVIOURS, PNG, Hostile, names, redirect, response

BOUNDS = Bounds(min_bytes=1, max_bytes=100_000)
QUICK = {
    "contact": "https://quern.example/bot",
    "host_interval_s": 0.0,
    "host_connections": 64,
    "connect_timeout_s": 1.0,
    "first_byte_timeout_s": 0.3,
    "read_timeout_s": 0.4,
    "timeout_s": 3.0,
    "slow_after_s": 0.3,
    "min_bytes_per_s": 1000,
    "backoff_s": 0.01,
    "max_wait_s": 2.0,
    "max_host_failures": 1000,
    "allow_private": True,
}


@pytest.fixture
def server():
    hostile = Hostile()
    yield hostile
    hostile.close()


def fetch_all(server, urls, *, seed=0, **options):
    """Return what becomes of each URL."""
    web = Web(**{**QUICK, "ports": (server.port,), **options})

    async def run():
        async with fetcher_of(web, seed) as fetcher:
            return await asyncio.gather(*(fetcher.fetch(url, "image", BOUNDS) for url in urls))

    return asyncio.run(asyncio.wait_for(run(), 30))


def fetch(server, path, **options):
    url = path if "://" in path else server.url(path)
    return fetch_all(server, [url], **options)[0]


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


def host_of(name):
    return f"{name.replace('_', '-')}.example"


class Everywhere(dict):
    """Every name leads to this machine."""

    def get(self, name):
        return "127.0.0.1"


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
    for name, fetch in zip(mix, found, strict=True):
        possible = {STATUSES[name], "host given up", "http 429", "http 503"}
        possible |= {"redirect loop"} if name == "far" else set()
        assert fetch.status in possible


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
    server.pages["/slow"] = (_later, 0.05)
    urls = [server.url(f"/slow?{n}", f"{h}.example") for n in range(6) for h in "ab"]
    server.pages |= {f"/slow?{n}": (_later, 0.05) for n in range(6)}
    with names(monkeypatch, Everywhere()):
        found = fetch_all(server, urls, host_connections=2, robots=False)
    assert {each.status for each in found} == {"ok"}
    assert dict(server.most) == {"a.example": 2, "b.example": 2}


def test_so_many_requests_go_out_at_a_time(server, monkeypatch):
    server.pages |= {f"/{n}": (_later, 0.05) for n in range(12)}
    urls = [server.url(f"/{n}", f"h{n}.example") for n in range(12)]
    with names(monkeypatch, Everywhere()):
        fetch_all(server, urls, connections=3, robots=False)
    assert server.at_once == 3


async def _later(writer, seconds):
    await asyncio.sleep(seconds)
    writer.write(response())


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


# --- robots.txt --------------------------------------------------------------------------------


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
    server.pages["/robots.txt"] = (_later, 30)
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


# --- where we never go -------------------------------------------------------------------------

SAFE = {"allow_private": False}


@pytest.mark.parametrize(
    "target",
    [
        "127.0.0.1",
        "169.254.169.254",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "10.0.0.1",
        "100.64.0.1",
        "0.0.0.0",
        "168.63.129.16",
    ],
)
def test_private_addresses_are_refused(server, target):
    found = fetch(server, f"http://{target}:{server.port}/ok", **SAFE)
    assert (found.status, found.attempts) == ("refused: private address", 0)
    assert server.asked == []


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "fd00::1", "::ffff:169.254.169.254"])
def test_a_name_that_leads_to_a_private_address_is_refused(server, monkeypatch, address):
    with names(monkeypatch, {"public.example": address}):
        found = fetch(server, server.url("/ok", "public.example"), **SAFE)
    assert found.status == "refused: private address"
    assert server.asked == []


def test_numbers_that_only_the_system_reads_as_an_address_are_refused(server):
    for host in ("2130706433", "0x7f.1", "127.1", "localhost"):
        assert fetch(server, server.url("/ok", host), **SAFE).status in (
            "refused: private address",
            "refused: not an address",
        )
    assert server.asked == []


def test_a_name_that_changes_to_a_private_address_is_not_followed(server, monkeypatch):
    """The second look-up tells a private address: it is checked like the first."""
    table = {"rebind.example": ["192.88.98.1", "127.0.0.1"]}
    quick = {"connect_timeout_s": 0.2, "attempts": 3, "robots": False, "dns_cache_s": 0}
    with names(monkeypatch, table) as looked_up:
        found = fetch(server, server.url("/ok", "rebind.example"), **SAFE, **quick)
    assert len(looked_up) == 2
    assert found.status == "refused: private address"
    assert server.asked == []


@pytest.mark.parametrize(
    ("location", "status"),
    [
        ("http://127.0.0.1:{port}/ok", "refused: private address"),
        ("http://169.254.169.254:{port}/latest/meta-data", "refused: private address"),
        ("http://[::1]:{port}/ok", "refused: private address"),
        ("//10.0.0.1:{port}/ok", "refused: private address"),
        ("file:///etc/passwd", "refused: scheme"),
        ("gopher://127.0.0.1/", "refused: scheme"),
        ("http://a.example:22/", "refused: port"),
        ("http://user:word@a.example:{port}/", "refused: credentials in the address"),
        ("http://inside.example:{port}/ok", "refused: private address"),
        ("http://[/", "redirect to nowhere"),
    ],
)
def test_every_hop_of_a_redirect_is_checked(server, monkeypatch, location, status):
    """The first hop, 127.0.0.2, passes for public here."""
    server.pages["/away"] = redirect(location.format(port=server.port))
    monkeypatch.setattr(guard, "is_public", lambda ip: ip == "127.0.0.2" or is_public(ip))
    with names(monkeypatch, {"outside.example": "127.0.0.2", "inside.example": "127.0.0.1"}):
        found = fetch(server, server.url("/away", "outside.example"), **SAFE)
    assert found.status == status
    assert server.paths() == ["/away"]


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("ftp://a.example/x", "refused: scheme"),
        ("http://a.example:22/x", "refused: port"),
        ("http://user@a.example/x", "refused: credentials in the address"),
        ("http:///x", "refused: not an address"),
        ("http://a.example:99999/x", "refused: not an address"),
        ("http://[::1/x", "refused: not an address"),
        ("http://" + "a." * 200 + "example/x", "dns"),
        ("http://a.example/" + "x" * 9000, "refused: not an address"),
    ],
)
def test_addresses_that_are_none(server, monkeypatch, url, status):
    with names(monkeypatch, {}):
        assert fetch(server, url, ports=(80, 443)).status == status


def test_a_name_is_looked_up_once(server, monkeypatch):
    urls = [server.url(f"/ok?{n}", "a.example") for n in range(5)]
    with names(monkeypatch, {"a.example": "127.0.0.1"}) as looked_up:
        found = fetch_all(server, urls)
    assert {each.status for each in found} == {"ok"}
    assert looked_up == ["a.example"]


def test_a_name_that_nobody_knows_costs_no_more_than_robots_txt(server, monkeypatch):
    urls = [server.url(f"/ok?{n}", "a.example") for n in range(50)]
    with names(monkeypatch, {}) as looked_up:
        found = fetch_all(server, urls)
    assert {each.status for each in found} == {"dns"}
    assert len(looked_up) == 3


def test_proxies_of_the_environment_are_not_used(server, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert fetch(server, "/ok").status == "ok"


def test_a_proxy_of_the_options_is_used(server):
    found = fetch(
        server, "http://far.example/x", proxy=server.url(""), ports=(80,), robots=False, attempts=1
    )
    assert found.status == "http 404"
    assert server.paths() == ["http://far.example/x"]


# --- TLS ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=a.example -addext"
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subprocess.run(
        [*command.split(), "subjectAltName=DNS:a.example", *files], check=True, capture_output=True
    )
    return folder


@pytest.fixture
def secure(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    hostile = Hostile(context)
    yield hostile
    hostile.close()


def test_a_certificate_that_nobody_vouches_for_is_refused(secure, monkeypatch):
    with names(monkeypatch, Everywhere()):
        found = fetch(secure, secure.url("/ok", "a.example", "https"))
    assert (found.status, found.data) == ("tls", b"")
    assert secure.asked == []


def test_a_certificate_that_is_vouched_for_counts_for_its_name(secure, certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "cert.pem"))
    with names(monkeypatch, Everywhere()):
        urls = [secure.url("/ok", f"{name}.example", "https") for name in "ab"]
        found = fetch_all(secure, urls)
    assert [each.status for each in found] == ["ok", "tls"]


def test_http_at_a_tls_port_is_no_answer(secure, monkeypatch):
    with names(monkeypatch, Everywhere()):
        found = fetch(secure, secure.url("/ok", "a.example", "http"))
    assert found.status in ("connection reset", "not HTTP", "timeout: first byte")
