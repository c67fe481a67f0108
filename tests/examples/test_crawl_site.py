"""The crawl of the example site: whole, deterministic, with the planted contradictions."""

from pathlib import Path

import pytest
from fastwarc.warc import ArchiveIterator, WarcRecordType

from examples.build_site import SITE
from examples.crawl_site import BASE_URL, crawl, missing_pictures


@pytest.fixture(scope="module")
def warc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return crawl(SITE, tmp_path_factory.mktemp("crawl") / "site.warc.gz")


@pytest.fixture(scope="module")
def answers(warc: Path) -> dict[str, tuple[int, str, bytes]]:
    found = {}
    with warc.open("rb") as stream:
        for record in ArchiveIterator(stream, record_types=WarcRecordType.response):
            path = record.headers["WARC-Target-URI"].removeprefix(BASE_URL)
            head = record.http_headers
            found[path] = (head.status_code, head["Content-Type"], record.reader.read())
    return found


def test_two_crawls_have_the_same_bytes(warc, tmp_path):
    assert crawl(SITE, tmp_path / "again.warc.gz").read_bytes() == warc.read_bytes()


def test_every_file_is_answered_with_its_bytes(answers):
    expected = {
        p.relative_to(SITE).as_posix(): p.read_bytes() for p in SITE.rglob("*.*") if p.is_file()
    }
    assert {path: body for path, (status, _, body) in answers.items() if status == 200} == expected


def test_the_missing_picture_is_the_only_404(answers):
    assert [p for p, (status, _, _) in answers.items() if status == 404] == [
        "images/attic-missing.png"
    ]
    assert missing_pictures(SITE) == ["images/attic-missing.png"]


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("mills/millstones.html", "text/html; charset=utf-8"),
        ("fr/lire-une-carte.html", "text/html; charset=iso-8859-1"),
        ("de/regen-messen.html", "text/html"),
        ("images/attic-not-found-page.jpg", "image/jpeg"),
        ("images/attic-moved.jpg", "text/html; charset=utf-8"),
        ("images/hexagon.webp", "image/webp"),
    ],
)
def test_headers_say_what_they_are_meant_to_say(answers, path, content_type):
    assert answers[path][1] == content_type


def test_every_record_carries_the_fixed_date_and_a_checked_digest(warc):
    with warc.open("rb") as stream:
        dates = {r.headers["WARC-Date"] for r in ArchiveIterator(stream, verify_digests=True)}
    assert dates == {"2024-12-24T12:00:00Z"}
