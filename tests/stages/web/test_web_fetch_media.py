"""FetchMedia over the web: what the crawl lacks is asked, committed in chunks, and kept."""

import asyncio
import hashlib

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.errors import StorageError
from stages.fetch_media import FetchMedia
from stages.files import read_table
from stages.media import Location, MediaStore
from stages.record import document, media_part, table_of
from stages.sources.addresses import address_key, host_of
from stages.stage import ASSETS, Batch, Bucket
from stages.web import asking
from stages.web.journal import ASKED, parts_of
from stages.web.options import Web
from tests.digests import digests
from tests.stages.web.hostile import PNG, Hostile, names, png, response

SCHEMES = ("crawl", "file", "data", "http")


@pytest.fixture
def server():
    hostile = Hostile()
    yield hostile
    hostile.close()


def web(server, **options):
    quick = {
        "contact": "me@quern.example",
        "host_interval_s": 0.0,
        "host_connections": 8,
        "first_byte_timeout_s": 1.0,
        "backoff_s": 0.01,
        "attempts": 1,
        "max_host_failures": 1000,
        "allow_private": True,
        "ports": (server.port,),
        "commit_urls": 4,
    }
    return Web(**{**quick, **options})


def marked(rows, unit):
    return rows.append_column("unit", pa.array([unit] * rows.num_rows, pa.int32()))


def sample(uris):
    return {
        "kind": "interleaved",
        "source": {"dataset": "crawl", "uri": "http://a.example/"},
        "messages": document([media_part(n) for n in range(len(uris))]),
        "media": [{"type": "image", "uri": uri} for uri in uris],
    }


def place_of(tmp_path, **changes):
    return Bucket(**{"index": 0, "media": tmp_path, "beside": lambda _: None, **changes})


def fetched(tmp_path, uris, operator, assets=None, **place):
    """Return the media of one sample, after one bucket was decided."""
    batch = Batch(table=table_of([sample(uris)]), store=MediaStore(root=tmp_path))
    rows = [marked(operator.project(batch).rows, 0)]
    if assets is not None:
        rows.append(marked(operator.project_assets(assets), -1))
    decisions = operator.decide(pa.concat_tables(rows), place_of(tmp_path, **place))
    return operator.update(batch, decisions).table.column("media").to_pylist()[0]


def statuses(tmp_path, uris, operator, assets=None, **place):
    return [each["status"] for each in fetched(tmp_path, uris, operator, assets, **place)]


def fetch_media(server, *, schemes=SCHEMES, max_bytes=100_000, min_bytes=1, **options):
    web_ = web(server, **options)
    return FetchMedia(schemes=schemes, web=web_, max_bytes=max_bytes, min_bytes=min_bytes)


def pictures(server, count):
    server.pages |= {f"/p/{n}.png": response(png(side=n + 1)) for n in range(count)}
    return [server.url(f"/p/{n}.png") for n in range(count)]


def table(tmp_path):
    tables = [read_table(part.path) for part in parts_of(tmp_path)]
    return pa.concat_tables([ASKED.empty_table(), *tables]).to_pylist()


def packs(folder):
    return digests(folder.glob("*.pack"), folder)


def test_pictures_of_the_web_get_bytes_hash_type_and_place(tmp_path, server):
    uris = pictures(server, 10)
    for n, medium in enumerate(fetched(tmp_path, uris, fetch_media(server))):
        data = png(side=n + 1)
        assert (medium["status"], medium["mime"]) == ("ok", "image/png")
        assert medium["sha256"] == hashlib.sha256(data).hexdigest()
        store = MediaStore(root=tmp_path)
        assert store.read(Location(**medium["location"])) == data


def test_the_web_is_off_unless_schemes_has_http(tmp_path, server):
    uris = pictures(server, 1)
    assert statuses(tmp_path, uris, FetchMedia()) == ["not in crawl"]
    assert server.asked == []


def test_who_asks_the_web_says_how_to_be_reached():
    with pytest.raises(ValueError, match=r"web\.contact must say how a site's owner reaches you"):
        FetchMedia(schemes=("http",))


def test_private_addresses_are_refused_unless_allowed(tmp_path, server):
    uris = pictures(server, 1)
    operator = fetch_media(server, allow_private=False)
    assert statuses(tmp_path, uris, operator) == ["refused: private address"]
    assert server.asked == []


def test_the_web_is_asked_for_what_the_crawl_lacks(tmp_path, server):
    uris = [*pictures(server, 3)]
    assets = [
        {"uri": uris[0], "path": "gone.warc.gz", "offset": 0, "status": "http 404"},
        {"uri": uris[1], "path": "gone.warc.gz", "offset": 0, "status": "http 503"},
    ]
    table = pa.Table.from_pylist(assets, schema=ASSETS)
    found = statuses(tmp_path, uris, fetch_media(server), table)
    assert found == ["http 404", "ok", "ok"]
    assert sorted(server.paths()) == ["/p/1.png", "/p/2.png"]


def test_each_address_is_asked_once_however_often_it_stands_there(tmp_path, server):
    (uri,) = pictures(server, 1)
    uris = [uri, f"{uri}#top", uri, uri.replace("http", "HTTP")]
    assert statuses(tmp_path, uris, fetch_media(server)) == ["ok"] * 4
    assert server.paths() == ["/p/0.png"]


def test_the_table_holds_each_address_with_its_fate(tmp_path, server):
    (uri,) = pictures(server, 1)
    fetched(tmp_path, [uri, server.url("/gone"), "http://user@a.example/"], fetch_media(server))
    rows = {row["url"]: row for row in table(tmp_path)}
    ok, gone = rows[uri], rows[server.url("/gone")]
    assert (ok["status"], ok["class"], ok["code"], ok["attempts"]) == ("ok", "ok", 200, 1)
    assert (ok["bytes"], ok["host"]) == (len(png(side=1)), "127.0.0.1")
    assert ok["seconds"] > 0
    assert (gone["status"], gone["class"], gone["code"]) == ("http 410", "http 4xx", 410)
    assert rows["http://user@a.example/"]["class"] == "refused"


def test_what_was_got_or_refused_for_good_is_never_asked_again(tmp_path, server):
    uris = [*pictures(server, 5), server.url("/gone"), server.url("/login"), server.url("/empty")]
    operator = fetch_media(server)
    first = fetched(tmp_path, uris, operator)
    server.asked.clear()
    assert fetched(tmp_path, uris, operator) == first
    assert server.asked == []


def test_trouble_that_may_pass_is_tried_again(tmp_path, server):
    uris = [*pictures(server, 5), server.url("/shaky"), server.url("/broken")]
    operator = fetch_media(server)
    assert statuses(tmp_path, uris, operator)[5:] == ["http 503", "http 500"]
    assert operator.may_improve(place_of(tmp_path))
    server.asked.clear()
    assert statuses(tmp_path, uris, operator)[5:] == ["http 503", "http 500"]
    assert sorted(server.paths()) == ["/broken", "/shaky"]
    assert statuses(tmp_path, uris, operator)[5:] == ["ok", "http 500"]
    server.pages["/broken"] = response()
    assert statuses(tmp_path, uris, operator) == ["ok"] * 7
    assert not operator.may_improve(place_of(tmp_path))


def test_what_we_refused_is_asked_again_under_other_options(tmp_path, server):
    server.pages["/big"] = response(PNG + bytes(5000))
    uris = [server.url("/big"), server.url("/gone"), server.url("/noai")]
    small = fetch_media(server, max_bytes=1000)
    assert statuses(tmp_path, uris, small) == ["too large", "http 410", "refused: X-Robots-Tag"]
    server.asked.clear()
    large = fetch_media(server, robots_tags=False)
    assert statuses(tmp_path, uris, large) == ["ok", "http 410", "ok"]
    assert sorted(server.paths()) == ["/big", "/noai"]
    server.asked.clear()
    assert statuses(tmp_path, uris, small) == ["too large", "http 410", "ok"]
    assert server.asked == []


def test_a_kill_costs_the_chunks_that_were_not_committed(tmp_path, server, monkeypatch):
    uris = pictures(server, 20)
    operator = fetch_media(server)
    whole = tmp_path / "whole"
    fetched(whole, uris, operator)
    write, written = asking.Journal.write, []

    def killed(self, *args):
        if len(written) == 2:
            raise KeyboardInterrupt
        written.append(write(self, *args))

    broken = tmp_path / "broken"
    monkeypatch.setattr(asking, "CHUNKS_AT_ONCE", 1)
    with monkeypatch.context() as patch:
        patch.setattr(asking.Journal, "write", killed)
        with pytest.raises(KeyboardInterrupt):
            fetched(broken, uris, operator)
    server.asked.clear()
    assert len(fetched(broken, uris, operator)) == 20
    assert len(server.paths()) == 12
    assert packs(broken) == packs(whole)
    assert len(packs(whole)) == 5


def test_packs_hang_on_addresses_and_not_on_time(tmp_path, server):
    uris = pictures(server, 12)
    fetched(tmp_path / "one", uris, fetch_media(server))
    for n, uri in enumerate(uris):
        path = f"/p/{n}.png"
        server.pages[path] = (_late, n % 3 / 20, server.pages[path])
        assert uri.endswith(path)
    fetched(tmp_path / "two", uris[::-1], fetch_media(server, host_connections=3))
    assert packs(tmp_path / "one") == packs(tmp_path / "two")


async def _late(writer, seconds, data):
    await asyncio.sleep(seconds)
    writer.write(data)


def test_two_steps_and_two_numbers_of_buckets_do_not_collide(tmp_path, server):
    uris = pictures(server, 4)
    operator = fetch_media(server)
    first = fetched(tmp_path, uris[:2], operator, step="one")
    second = fetched(tmp_path, uris[2:], operator, step="two")
    store = MediaStore(root=tmp_path)
    read = [store.read(Location(**each["location"])) for each in (*first, *second)]
    assert read == [png(side=n + 1) for n in range(4)]
    server.asked.clear()
    assert statuses(tmp_path, uris[:2], operator, step="one", of=8, index=5) == ["ok", "ok"]
    assert server.asked == []


def test_bytes_that_are_gone_are_asked_for_again(tmp_path, server):
    uris = [*pictures(server, 2), server.url("/gone")]
    operator = fetch_media(server)
    fetched(tmp_path, uris, operator)
    for path in tmp_path.glob("*.pack"):
        path.unlink()
    server.asked.clear()
    assert statuses(tmp_path, uris, operator) == ["ok", "ok", "http 410"]
    assert sorted(server.paths()) == ["/p/0.png", "/p/1.png"]


def test_a_journal_that_cannot_be_written_stops_the_run(tmp_path, server, monkeypatch):
    def full(*_):
        raise StorageError("the disk is full")

    monkeypatch.setattr(asking.Journal, "write", full)
    with pytest.raises(StorageError, match="the disk is full"):
        fetched(tmp_path, pictures(server, 9), fetch_media(server))


def test_a_temporary_folder_that_is_full_stops_the_run(tmp_path, server, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(asking, "row_of", full)
    with pytest.raises(StorageError, match="set TMPDIR"):
        fetched(tmp_path, pictures(server, 9), fetch_media(server))


def test_a_bucket_without_addresses_of_the_web_asks_nothing(tmp_path, server):
    found = statuses(tmp_path, ["data:,", "picture.png", None], fetch_media(server))
    assert found == ["empty", "refused: no address", "refused: no address"]
    assert list(tmp_path.glob("*")) == []


def test_a_host_has_one_bucket(tmp_path):
    operator = FetchMedia(schemes=SCHEMES, web=Web(contact="x"))
    uris = [f"{scheme}://h{n % 7}.example/{n}" for n in range(70) for scheme in ("http", "https")]
    batch = Batch(table=table_of([sample(uris)]), store=MediaStore(root=tmp_path))
    rows = operator.project(batch).rows
    buckets = operator.partition(rows, 4).tolist()
    hosts = [host_of(uri) for uri in rows.column("uri").to_pylist()]
    assert len(set(zip(hosts, buckets, strict=True))) == 7
    assert len(set(buckets)) > 1


URIS = st.builds(
    "{}://{}{}{}/{}".format,
    st.sampled_from(["http", "https", "HTTP"]),
    st.sampled_from(["", "me@", "me:word@"]),
    st.sampled_from(["a.example", "A.Example.", "b\u00fccher.example", "[::1]", "a.example:80"]),
    st.sampled_from(["", ":80", ":443", ":8080", ":"]),
    st.sampled_from(["", "x", "x#y", "%78"]),
)


@given(URIS, URIS)
def test_equal_addresses_have_equal_hosts(one, other):
    if address_key(one) == address_key(other):
        assert host_of(one) == host_of(other)
    assert host_of(one) == host_of(one.upper())


def test_names_that_lead_nowhere_do_not_stop_the_others(tmp_path, server, monkeypatch):
    uris = [server.url("/ok", "a.example"), server.url("/ok", "b.example")]
    with names(monkeypatch, {"a.example": "127.0.0.1"}):
        assert statuses(tmp_path, uris, fetch_media(server)) == ["ok", "dns"]
