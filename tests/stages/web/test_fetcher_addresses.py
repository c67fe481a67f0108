"""Where the fetcher never goes: private addresses, however they hide, and unproven TLS."""

import ssl
import subprocess

import pytest

from stages.web import guard
from stages.web.guard import is_public
from tests.stages.web.asking import Everywhere, fetch, fetch_all
from tests.stages.web.hostile import Hostile, names, redirect

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
