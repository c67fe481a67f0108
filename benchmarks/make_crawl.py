"""Make a crawl of many pages with pictures out of few: repeated, each time with edits.

    python -m benchmarks.make_crawl --pages 20000 --out /tmp/crawl FOLDER_OR_WARC...

Folders of HTML pages with their pictures (Debian's `gimp-help-en` and `debian-handbook`, unpacked
with `dpkg -x`) and WARC files are read; round k of all pages stands on hosts of its own. In each
round but the first a share of the words of every page is replaced by words of its neighbours in
the same folder: a small one (`NEAR`) in every tenth page, which stays a near-duplicate, a large
one (`FAR`) in the others. Pictures get bytes behind their end, so that each round has its own by
content while decoding does the same work. The same input gives the same bytes.
"""

from __future__ import annotations

import argparse
import random
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from fastwarc.stream_io import GzipWriter
from fastwarc.warc import WarcRecord, WarcRecordType

from stages.sources.warc import read_records
from stages.stage import Fault

NEAR = 0.01
FAR = 0.3
FILE_BYTES = 64 << 20
TYPES = {
    ".html": "text/html",
    ".htm": "text/html",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".gif": "image/gif",
    ".webp": "image/webp",
}
TEXT = re.compile(rb">([^<]{20,})<")
HIDDEN = re.compile(rb"<(script|style)\b.*?</\1>", re.S | re.I)
WORD = re.compile(rb"[A-Za-z\x80-\xff]{2,}")  # UTF-8: also the letters of other scripts


@dataclass(frozen=True, kw_only=True)
class Item:
    """A response: its address, content type and body."""

    uri: str
    content_type: str
    body: bytes

    @property
    def is_page(self) -> bool:
        """Return whether it is an HTML page."""
        return self.content_type.startswith("text/html")


def items_of(path: Path) -> Iterator[Item]:
    """Yield the pages and pictures of a folder or a WARC file."""
    if path.is_dir():
        for file in sorted(path.rglob("*")):
            if file.is_file() and (kind := TYPES.get(file.suffix.lower())):
                uri = f"http://{path.name}.example/{file.relative_to(path).as_posix()}"
                yield Item(uri=uri, content_type=kind, body=file.read_bytes())
        return
    for record in read_records(str(path), start=0, stop=path.stat().st_size, max_bytes=64 << 20):
        response = None if isinstance(record, Fault) else record.response()
        if response is None or isinstance(record, Fault) or response.status != 200:
            continue
        kind = response.headers.get("content-type", "application/octet-stream")
        yield Item(uri=record.uri, content_type=kind, body=response.body(64 << 20))


def edited(body: bytes, share: float, words: list[bytes], draw: random.Random) -> bytes:
    """Return the page with a share of the words of its longer texts replaced."""

    def word(match: re.Match[bytes]) -> bytes:
        return draw.choice(words) if draw.random() < share else match[0]

    def text(match: re.Match[bytes]) -> bytes:
        return b">" + WORD.sub(word, match[1]) + b"<"

    out, end = [], 0
    for hidden in HIDDEN.finditer(body):
        out += [TEXT.sub(text, body[end : hidden.start()]), hidden[0]]
        end = hidden.end()
    return b"".join([*out, TEXT.sub(text, body[end:])])


def moved(uri: str, number: int) -> str:
    """Return the address on the host of a round."""
    parts = urlsplit(uri)
    return urlunsplit(parts._replace(netloc=f"r{number}.{parts.netloc}"))


def folder_of(uri: str) -> str:
    """Return an address up to its last slash."""
    return uri.rpartition("/")[0]


def words_of(items: list[Item]) -> dict[str, list[bytes]]:
    """Return the words of the pages of each folder."""
    pools: dict[str, set[bytes]] = defaultdict(set)
    for item in items:
        if item.is_page:
            for text in TEXT.findall(item.body):
                pools[folder_of(item.uri)].update(WORD.findall(text))
    return {folder: sorted(pool) for folder, pool in pools.items()}


def round_of(items: list[Item], number: int, pools: dict[str, list[bytes]]) -> Iterator[Item]:
    """Yield all items as round `number` has them."""
    for place, item in enumerate(items):
        uri, body = moved(item.uri, number), item.body
        if number and item.is_page:
            draw = random.Random(f"{number} {item.uri}")
            words = pools.get(folder_of(item.uri)) or [b"word"]
            body = edited(body, NEAR if place % 10 == 0 else FAR, words, draw)
        elif number:
            body += b"\n%d" % number
        host = urlsplit(item.uri).netloc.encode()
        body = body.replace(b"//" + host, b"//r%d.%s" % (number, host)) if item.is_page else body
        yield Item(uri=uri, content_type=item.content_type, body=body)


def write_item(item: Item, file: GzipWriter) -> None:
    """Write a response as one record of a WARC file."""
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {item.content_type}\r\n"
    head += f"Content-Length: {len(item.body)}\r\n\r\n"
    record = WarcRecord()
    record.init_headers(WarcRecordType.response)
    record.headers["WARC-Target-URI"] = item.uri
    record.headers["Content-Type"] = "application/http; msgtype=response"
    record.headers["WARC-Identified-Payload-Type"] = item.content_type.partition(";")[0]
    record.headers["WARC-Date"] = "2026-01-01T00:00:00Z"
    record.headers["WARC-Record-ID"] = f"<{item.uri}>"
    record.set_bytes_content(head.encode() + item.body)
    record.write(file)
    file.finish()


def make(paths: list[Path], pages: int, out: Path) -> int:
    """Write WARC files of about 64 MB into a folder; return the number of pages."""
    items = [item for path in paths for item in items_of(path)]
    pools = words_of(items)
    out.mkdir(parents=True, exist_ok=True)
    written = number = 0
    file = None
    while written < pages:
        for item in round_of(items, number, pools):
            if file is None or file.tell() > FILE_BYTES:
                file = (out / f"crawl-{len(list(out.glob('*.gz'))):03d}.warc.gz").open("wb")
            if item.is_page and written == pages:
                continue
            written += item.is_page
            write_item(item, GzipWriter(file))
        number += 1
    return written


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=20000)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("inputs", type=Path, nargs="+")
    options = parser.parse_args()
    print(f"{make(options.inputs, options.pages, options.out):,} pages in {options.out}")


if __name__ == "__main__":
    main()
