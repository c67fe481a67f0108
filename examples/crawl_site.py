"""Turn the example site into a WARC file, as a crawler would have written it.

    python -m examples.crawl_site

writes `runs/site.warc.gz`: one response record for every file of the site and one for every picture
that a page asks for and the site lacks (status 404). Dates and record ids are fixed, so the same
site gives the same bytes.
"""

from __future__ import annotations

import re
import sys
import uuid
from pathlib import Path
from urllib.parse import urljoin

from fastwarc.stream_io import GzipWriter
from fastwarc.warc import WarcRecord, WarcRecordType

from examples.build_site import HERE, SITE

BASE_URL = "http://quern.example/"
CRAWLED = "2024-12-24T12:00:00Z"
DEFAULT_OUT = HERE.parent / "runs/site.warc.gz"
CONTENT_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css",
    ".txt": "text/plain",
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
    ".gif": "image/gif",
}
# What the server says against the truth; each is a planted fault of README.md.
FALSE_CONTENT_TYPES = {
    "fr/lire-une-carte.html": "text/html; charset=iso-8859-1",
    "de/regen-messen.html": "text/html",
    "images/attic-moved.jpg": "text/html; charset=utf-8",
}
IMAGE_LINK = re.compile(rb'(?:src|data-src)="([^":]+\.(?:jpg|png|gif|webp))"')
BASE_LINK = re.compile(rb'<base href="([^"]*)"')
GONE = b"<!doctype html><title>404</title><h1>Not found</h1>\n"


def http_response(status: str, content_type: str, body: bytes) -> bytes:
    """An HTTP/1.1 response, head and body."""
    head = [
        f"HTTP/1.1 {status}",
        "Date: Tue, 24 Dec 2024 12:00:00 GMT",
        f"Content-Type: {content_type}",
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join([*head, "", ""]).encode() + body


def missing_pictures(site: Path) -> list[str]:
    """Paths of the pictures that pages link to and the site does not have."""
    asked = set()
    for page in site.rglob("*.html"):
        html = page.read_bytes()
        url = BASE_URL + page.relative_to(site).as_posix()
        if base := BASE_LINK.search(html):
            url = urljoin(url, base[1].decode())
        asked |= {urljoin(url, link.decode()) for link in IMAGE_LINK.findall(html)}
    paths = sorted(url.removeprefix(BASE_URL) for url in asked)
    return [path for path in paths if not (site / path).exists()]


def responses(site: Path) -> dict[str, bytes]:
    """The HTTP response to every path that the crawler asks for."""
    found = {}
    for file in sorted(p for p in site.rglob("*") if p.is_file()):
        path = file.relative_to(site).as_posix()
        content_type = FALSE_CONTENT_TYPES.get(path, CONTENT_TYPES[file.suffix])
        found[path] = http_response("200 OK", content_type, file.read_bytes())
    gone = http_response("404 Not Found", CONTENT_TYPES[".html"], GONE)
    return found | dict.fromkeys(missing_pictures(site), gone)


def _record(kind: WarcRecordType, url: str, content: bytes) -> WarcRecord:
    record = WarcRecord()
    record.init_headers(kind, f"uuid:{uuid.uuid5(uuid.NAMESPACE_URL, url)}".encode())
    record.headers["WARC-Date"] = CRAWLED
    if kind == WarcRecordType.response:
        record.headers["WARC-Target-URI"] = url
        record.headers["Content-Type"] = "application/http; msgtype=response"
    else:
        record.headers["Content-Type"] = "application/warc-fields"
    record.set_bytes_content(content)
    return record


def crawl(site: Path, out: Path) -> Path:
    """Write the WARC file `out` (gzip, one member a record) of the folder `site`; return `out`."""
    about = b"software: examples.crawl_site\r\nformat: WARC File Format 1.1\r\n"
    records = [_record(WarcRecordType.warcinfo, f"{BASE_URL}#warcinfo", about)]
    for path, response in responses(site).items():
        records.append(_record(WarcRecordType.response, BASE_URL + path, response))
    out.parent.mkdir(parents=True, exist_ok=True)
    with out.open("wb") as file:
        for record in records:
            member = GzipWriter(file)
            record.write(member, checksum_data=True)
            member.finish()
    return out


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_OUT
    print(f"The crawl is in {crawl(SITE, target)}.")
