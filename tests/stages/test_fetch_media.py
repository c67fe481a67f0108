"""FetchMedia and the three ways to get a medium's bytes, honest and hostile."""

import base64
import gzip
import hashlib
import io
import os

import pyarrow as pa
import pytest
from PIL import Image

from stages.fetch_media import FetchMedia
from stages.media import Location, MediaStore
from stages.record import document, media_part, table_of
from stages.sources.read_warc import ReadWarc
from stages.stage import ASSETS, Batch, Bucket
from tests.shared_data import SHARED, needs_shared


def png(colour="red", side=8) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (side, side), colour).save(out, "PNG")
    return out.getvalue()


RED, BLUE = png("red"), png("blue")


def warc(tmp_path, responses: dict[str, bytes], name="crawl.warc.gz"):
    """Write responses (address to "STATUS\\ntype\\nbody") and return the crawl's assets."""
    records = []
    for uri, (status, type_, body) in responses.items():
        block = f"HTTP/1.1 {status} x\r\nContent-Type: {type_}\r\n\r\n".encode() + body
        head = (
            f"WARC/1.1\r\nWARC-Type: response\r\nWARC-Target-URI: {uri}\r\n"
            "Content-Type: application/http; msgtype=response\r\n"
            f"Content-Length: {len(block)}\r\n\r\n"
        )
        records.append(gzip.compress(head.encode() + block + b"\r\n\r\n"))
    path = tmp_path / name
    path.write_bytes(b"".join(records))
    source = ReadWarc(paths=(str(path),))
    chunks = [chunk for unit in source.units() for chunk in source.read(unit)]
    return pa.concat_tables([ASSETS.empty_table(), *(c.assets for c in chunks if c.assets)])


def sample(*uris, dataset="crawl.warc.gz", page="http://a.example/", type_="image"):
    return {
        "kind": "interleaved",
        "source": {"dataset": str(dataset), "uri": page},
        "messages": document([media_part(n) for n in range(len(uris))]),
        "media": [{"type": type_, "uri": uri, "alt": "kept"} for uri in uris],
    }


def marked(rows, unit):
    return rows.append_column("unit", pa.array([unit] * rows.num_rows, pa.int32()))


def run(tmp_path, units, assets=None, *, buckets=1, **options):
    """Do as the runner does: project, partition, decide per bucket, update unit by unit."""
    operator = FetchMedia(**options)
    store = MediaStore(root=tmp_path / "media")
    batches = [Batch(table=table_of(rows), store=store) for rows in units]
    projected = [marked(operator.project(each).rows, unit) for unit, each in enumerate(batches)]
    if assets is not None:
        projected.append(marked(operator.project_assets(assets), -1))
    rows = pa.concat_tables(projected)
    bucket = operator.partition(rows, buckets)
    decisions = pa.concat_tables(
        operator.decide(
            rows.filter(pa.array(bucket == index)),
            Bucket(index=index, media=store.root, beside=lambda _: None),
        )
        for index in range(buckets)
    )
    assert all(decisions.column("keep").to_pylist())
    return [
        operator.update(batch, decisions.filter(pa.compute.equal(decisions.column("unit"), unit)))
        for unit, batch in enumerate(batches)
    ]


def fetched(tmp_path, rows, assets=None, **options):
    [batch] = run(tmp_path, [rows], assets, **options)
    return [medium for row in batch.table.column("media").to_pylist() for medium in row]


def statuses(tmp_path, rows, assets=None, **options):
    return [medium["status"] for medium in fetched(tmp_path, rows, assets, **options)]


def test_a_picture_of_the_crawl_gets_bytes_hash_type_and_place(tmp_path):
    assets = warc(tmp_path, {"http://a.example/1": (200, "text/plain; x.png", RED)})
    assert assets.num_rows == 0  # declared as text, at an address that tells nothing
    assets = warc(tmp_path, {"http://a.example/1.png": (200, "text/plain", RED)})
    [medium] = fetched(tmp_path, [sample("http://a.example/1.png")], assets)
    assert medium["status"] == "ok"
    assert medium["mime"] == "image/png"
    assert medium["sha256"] == hashlib.sha256(RED).hexdigest()
    assert medium["alt"] == "kept"
    store = MediaStore(root=tmp_path / "media")
    assert store.read(Location(**medium["location"])) == RED


@pytest.mark.parametrize(
    ("response", "status"),
    [
        ((200, "image/png", RED), "ok"),
        ((404, "text/html", b"<p>no"), "http 404"),
        ((503, "image/png", RED), "http 503"),
        ((200, "image/png", b""), "empty"),
        ((200, "image/png", b"<html><p>no"), "not an image (text/html)"),
        ((200, "text/html", b"<html><p>no"), "not an image (text/html)"),
        ((200, "image/png", png(side=700) + bytes(5000)), "too large"),
        ((200, "image/png", b"GIF89a"), "too small"),
        ((200, "image/svg+xml", b"<svg xmlns='x'>" + b" " * 60), "ok"),
    ],
)
def test_what_the_crawl_holds_decides_the_status(tmp_path, response, status):
    assets = warc(tmp_path, {"http://a.example/1.png": response})
    rows = [sample("http://a.example/1.png")]
    assert statuses(tmp_path, rows, assets, min_bytes=20, max_bytes=5000) == [status]


def test_an_address_that_the_crawl_lacks_says_so(tmp_path):
    assert statuses(tmp_path, [sample("http://a.example/1.png")]) == ["not in crawl"]


@pytest.mark.parametrize(
    "uri",
    ["https://a.example/x%20y.png", "http://A.example:80/x y.png#1", "http://a.example/x y.png"],
)
def test_an_address_is_found_however_it_is_written(tmp_path, uri):
    assets = warc(tmp_path, {"http://a.example/x%20y.png": (200, "image/png", RED)})
    assert statuses(tmp_path, [sample(uri)], assets) == ["ok"]


def test_the_very_same_address_is_preferred_but_not_to_a_successful_one(tmp_path):
    uris = ["http://a.example/1.png", "https://a.example/1.png", "https://a.example/2.png"]
    assets = warc(
        tmp_path,
        {
            uris[0]: (200, "image/png", RED),
            uris[1]: (200, "image/png", BLUE),
            uris[2]: (404, "text/html", b""),
            "http://a.example/2.png": (200, "image/png", RED),
        },
    )
    found = fetched(tmp_path, [sample(*uris)], assets)
    hashes = [hashlib.sha256(data).hexdigest() for data in (RED, BLUE, RED)]
    assert [medium["sha256"] for medium in found] == hashes


def test_a_crawl_file_that_changed_since_is_unreadable(tmp_path):
    assets = warc(tmp_path, {"http://a.example/1.png": (200, "image/png", RED)})
    (tmp_path / "crawl.warc.gz").write_bytes(b"")
    assert statuses(tmp_path, [sample("http://a.example/1.png")], assets) == ["unreadable"]


def test_each_content_is_stored_once(tmp_path):
    uris = [f"http://a.example/{n}.png" for n in range(4)]
    assets = warc(tmp_path, {uri: (200, "image/png", RED) for uri in uris})
    found = fetched(tmp_path, [sample(*uris), sample(*uris)], assets)
    assert len({medium["location"]["offset"] for medium in found}) == 1
    assert (tmp_path / "media/step-0.pack").read_bytes() == RED


def test_statuses_do_not_depend_on_buckets_and_packs_not_on_the_order_of_units(tmp_path):
    uris = [f"http://a.example/{n}.png" for n in range(12)]
    assets = warc(
        tmp_path, {uri: (200, "image/png", png(side=n + 1)) for n, uri in enumerate(uris)}
    )
    units = [[sample(*uris[:5])], [sample(*uris[3:]), sample()], []]

    def hashes(batches):
        return [[m["sha256"] for m in b.media().values.to_pylist()] for b in batches]

    one = hashes(run(tmp_path / "one", units, assets))
    many = hashes(run(tmp_path / "many", units, assets, buckets=5))
    turned = hashes(run(tmp_path / "turned", units[::-1], assets, buckets=5))
    assert one == many == turned[::-1]
    for index in range(5):
        name = f"media/step-{index}.pack"
        assert (tmp_path / "many" / name).read_bytes() == (tmp_path / "turned" / name).read_bytes()


def test_a_medium_with_a_status_is_left_alone(tmp_path):
    row = sample("http://a.example/1.png", "http://a.example/2.png")
    row["media"][0] |= {"status": "ok", "sha256": "abc", "location": {"pack": "p", "offset": 3}}
    first, second = fetched(tmp_path, [row])
    assert (first["status"], first["sha256"], first["location"]["offset"]) == ("ok", "abc", 3)
    assert second["status"] == "not in crawl"


def data_uri(data: bytes, mime="image/png") -> str:
    return f"data:{mime};base64,{base64.b64encode(data).decode()}"


def test_a_data_uri_is_decoded_and_replaced_by_its_hash(tmp_path):
    [medium] = fetched(tmp_path, [sample(data_uri(RED, "text/plain"))])
    sha256 = hashlib.sha256(RED).hexdigest()
    assert (medium["status"], medium["mime"], medium["sha256"]) == ("ok", "image/png", sha256)
    assert medium["uri"] == f"data:image/png;sha256={sha256}"


@pytest.mark.parametrize(
    ("uri", "status"),
    [
        ("data:image/svg+xml,%3Csvg%20xmlns='x'%3E%3C/svg%3E", "ok"),
        ("data:image/svg+xml;utf8,<svg xmlns='x'></svg>", "ok"),
        ("data:;base64," + base64.b64encode(RED).decode().rstrip("="), "ok"),
        ("data:image/png;base64,%69VBORw0KGgo=", "ok"),
        ("data:image/png;base64, iVBO\nRw0KGgo= ", "ok"),
        ("data:image/png;base64,!!!!", "unreadable"),
        ("data:image/png;base64", "unreadable"),
        ("data:image/png;base64,A", "unreadable"),
        ("data:,", "empty"),
        ("data:text/html,<html>", "not an image (text/html)"),
        (data_uri(RED + bytes(5000)), "too large"),
        ("data:image/png," + "x" * 20_001, "too large"),
    ],
)
def test_data_uris_of_all_sorts(tmp_path, uri, status):
    [medium] = fetched(tmp_path, [sample(uri)], max_bytes=5000)
    assert medium["status"] == status
    assert len(medium["uri"]) < 100


@pytest.fixture
def site(tmp_path):
    (tmp_path / "site/img").mkdir(parents=True)
    (tmp_path / "site/img/a b.png").write_bytes(RED)
    (tmp_path / "secret.png").write_bytes(BLUE)
    return tmp_path / "site"


def local(site, path, **changes):
    uri = path if path.startswith("file:") else f"file://{site}/{path}"
    return sample(uri, **({"dataset": site, "page": f"file://{site}/index.html"} | changes))


def test_a_file_in_the_folder_of_its_page_is_read(tmp_path, site):
    [medium] = fetched(tmp_path, [local(site, "img/a%20b.png?v=2#top")])
    assert medium["sha256"] == hashlib.sha256(RED).hexdigest()


@pytest.mark.parametrize(
    "path", ["../secret.png", "img/../../secret.png", "file:///etc/passwd", "%2e%2e/secret.png"]
)
def test_a_file_outside_that_folder_is_refused(tmp_path, site, path):
    assert statuses(tmp_path, [local(site, path)]) == ["refused: outside the folder of the pages"]


def test_a_link_that_leads_out_of_the_folder_is_refused(tmp_path, site):
    (site / "link.png").symlink_to(tmp_path / "secret.png")
    (site / "up").symlink_to(tmp_path)
    rows = [local(site, "link.png"), local(site, "up/secret.png")]
    assert statuses(tmp_path, rows) == ["refused: outside the folder of the pages"] * 2


def test_a_folder_whose_name_only_begins_alike_is_outside(tmp_path, site):
    (tmp_path / "site2").mkdir()
    (tmp_path / "site2/x.png").write_bytes(BLUE)
    rows = [local(site, "../site2/x.png")]
    assert statuses(tmp_path, rows) == ["refused: outside the folder of the pages"]


def test_a_page_of_the_web_reads_no_file(tmp_path, site):
    uri = f"file://{site}/img/a%20b.png"
    refused = "refused: a file address in a page that is no file"
    rows = [local(site, uri, page="http://a.example/"), local(site, uri, dataset="a.warc.gz")]
    assert statuses(tmp_path, rows) == [refused, refused]


def test_the_same_file_address_is_judged_for_each_page(tmp_path, site):
    uri = f"file://{site}/img/a%20b.png"
    rows = [local(site, uri), local(site, uri, page="http://a.example/")]
    assert [status[:7] for status in statuses(tmp_path, rows)] == ["ok", "refused"]


def test_pipes_missing_files_and_other_hosts_do_not_hang_or_raise(tmp_path, site):
    os.mkfifo(site / "pipe.png")
    paths = ["pipe.png", "none.png", "img", "file://elsewhere/x.png", "x%00.png"]
    assert statuses(tmp_path, [local(site, path) for path in paths]) == [
        "refused: not a regular file",
        "no such file",
        "refused: not a regular file",
        "refused: outside the folder of the pages",
        "unreadable",
    ]


@pytest.mark.parametrize(
    ("uri", "status"),
    [
        ("ftp://a.example/x.png", "refused: scheme ftp"),
        ("javascript:alert(1)", "refused: scheme javascript"),
        ("picture.png", "refused: no address"),
        (None, "refused: no address"),
        ("http://[bad/x.png", "not in crawl"),
    ],
)
def test_other_addresses_are_refused(tmp_path, uri, status):
    assert statuses(tmp_path, [sample(uri)]) == [status]


def test_schemes_that_are_off_are_refused(tmp_path):
    rows = [sample("http://a.example/x.png", data_uri(RED))]
    assert statuses(tmp_path, rows, schemes=("file",)) == [
        "refused: scheme http",
        "refused: scheme data",
    ]


def test_a_sample_without_source_or_media_type_does_no_harm(tmp_path):
    rows = [{"media": [{"uri": "file:///etc/passwd"}, {"uri": data_uri(RED)}]}, sample("x:y")]
    assert statuses(tmp_path, rows) == [
        "refused: a file address in a page that is no file",
        "ok",
        "refused: scheme x",
    ]


def test_a_table_without_chunks_passes(tmp_path):
    batch = Batch(table=table_of([]).schema.empty_table(), store=MediaStore(root=tmp_path))
    assert FetchMedia().project(batch).rows.num_rows == 0


def test_a_video_must_be_a_video(tmp_path):
    uris = [data_uri(b"\0\0\0\x20ftypisom" + bytes(20)), data_uri(RED)]
    rows = [sample(*uris, type_="video")]
    assert statuses(tmp_path, rows) == ["ok", "not a video (image/png)"]


def test_unknown_schemes_and_impossible_sizes_are_refused():
    with pytest.raises(ValueError, match=r"schemes has \['gopher'\]; it may have"):
        FetchMedia(schemes=("gopher",))
    with pytest.raises(ValueError, match="min_bytes must lie in"):
        FetchMedia(min_bytes=5, max_bytes=4)


@needs_shared
def test_the_pictures_of_the_real_blog_are_found(tmp_path):
    source = ReadWarc(paths=(str(SHARED / "data/web/blog.warc.gz"),))
    chunks = [chunk for unit in source.units() for chunk in source.read(unit)]
    assets = pa.concat_tables([chunk.assets for chunk in chunks])
    rows = [sample(*assets.column("uri").to_pylist())]
    found = fetched(tmp_path, rows, assets)
    assert [medium["status"] for medium in found] == ["ok"] * 593
