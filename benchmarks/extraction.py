"""Measure main-content extraction side by side: Quern, trafilatura (fast, default), resiliparse.

    python -m benchmarks.extraction --data ../shared/data/web

Text: news and blog pages with snippets that must be kept and snippets that must not; precision,
recall, F1 and accuracy over snippets, as trafilatura's own evaluation computes them. Whitespace
and invisible characters are evened out for everybody; captions, which have a kind of their own in
Quern's output, are left out of its text. Pictures: twenty blog pages whose in-article pictures
were listed by hand (`truth/blog_images.json`). Speed: CPU seconds of one process over the news
pages, bytes in, text out; slices of 25 pages, the order of the tools rotated from slice to slice.
"""

from __future__ import annotations

import argparse
import gc
import json
import re
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urljoin

import trafilatura
from fastwarc.warc import ArchiveIterator, WarcRecordType
from resiliparse.extract.html2text import extract_plain_text

from stages.extraction.article import article
from stages.extraction.charset import decode

SLICE = 25
PASSES = 2
TRUTH = Path(__file__).parent / "truth" / "blog_images.json"
INVISIBLE = dict.fromkeys(map(ord, "\xad\u200b\u2060\ufeff"))
MARKDOWN_IMAGE = re.compile(r"!\[[^\]]*\]\(([^)\s]+)")


@dataclass(frozen=True, kw_only=True)
class Page:
    """A page as crawled."""

    uri: str
    raw: bytes
    content_type: str


@dataclass(frozen=True, kw_only=True)
class Tool:
    """An extractor, and what it did."""

    name: str
    text: Callable[[Page], str]
    images: Callable[[Page], list[str]] | None = None
    seconds: list[float] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)


def read_pages(path: Path) -> list[Page]:
    """Return the HTML responses of a WARC file."""
    pages = []
    with path.open("rb") as file:
        for record in ArchiveIterator(file, record_types=WarcRecordType.response):
            content_type = record.http_headers.get("Content-Type") or ""
            if "html" in content_type:
                uri = record.headers["WARC-Target-URI"]
                pages.append(Page(uri=uri, raw=record.reader.read(), content_type=content_type))
    return pages


def quern_text(page: Page) -> str:
    found = article(decode(page.raw, content_type=page.content_type), url=page.uri)
    return "\n".join(block.text for block in found.blocks if block.kind != "caption")


def quern_images(page: Page) -> list[str]:
    found = article(decode(page.raw, content_type=page.content_type), url=page.uri)
    return [block.image.uri for block in found.blocks if block.image is not None]


def trafilatura_text(page: Page, *, fast: bool) -> str:
    return trafilatura.extract(page.raw, fast=fast, include_comments=False) or ""


def trafilatura_images(page: Page, *, fast: bool) -> list[str]:
    text = trafilatura.extract(
        page.raw, fast=fast, include_comments=False, include_images=True, output_format="markdown"
    )
    return [urljoin(page.uri, found) for found in MARKDOWN_IMAGE.findall(text or "")]


def resiliparse_text(page: Page) -> str:
    html = decode(page.raw, content_type=page.content_type)
    return extract_plain_text(html, main_content=True) or ""


def tools() -> list[Tool]:
    return [
        Tool(name="Quern", text=quern_text, images=quern_images),
        Tool(
            name="trafilatura fast",
            text=lambda page: trafilatura_text(page, fast=True),
            images=lambda page: trafilatura_images(page, fast=True),
        ),
        Tool(
            name="trafilatura",
            text=lambda page: trafilatura_text(page, fast=False),
            images=lambda page: trafilatura_images(page, fast=False),
        ),
        Tool(name="resiliparse", text=resiliparse_text),
    ]


def warm_up(contestants: Sequence[Tool], pages: Sequence[Page]) -> None:
    """Import and compile what each tool needs."""
    for tool in contestants:
        for page in pages[:3]:
            tool.text(page)
    gc.collect()
    gc.freeze()


def run(contestants: Sequence[Tool], pages: Sequence[Page]) -> None:
    """Extract every page with every tool, taking the CPU time of each page."""
    for start in range(0, len(pages), SLICE):
        turn = start // SLICE % len(contestants)
        for tool in (*contestants[turn:], *contestants[:turn]):
            for page in pages[start : start + SLICE]:
                before = time.process_time()
                text = tool.text(page)
                tool.seconds.append(time.process_time() - before)
                tool.texts[page.uri.strip()] = text


def evened(text: str) -> str:
    return " ".join(text.translate(INVISIBLE).split())


def snippet_scores(texts: dict[str, str], gold: dict[str, dict[str, list[str]]]) -> list[float]:
    """Return kept and kept-out shares, precision, recall, F1 and accuracy over snippets."""
    kept = wanted = leaked = unwanted = 0
    for uri, snippets in gold.items():
        text = evened(texts.get(uri.strip(), ""))
        kept += sum(evened(snippet) in text for snippet in snippets["with"])
        leaked += sum(evened(snippet) in text for snippet in snippets["without"])
        wanted += len(snippets["with"])
        unwanted += len(snippets["without"])
    precision, recall = kept / (kept + leaked), kept / wanted
    f1 = 2 * precision * recall / (precision + recall)
    accuracy = (kept + unwanted - leaked) / (wanted + unwanted)
    return [recall, 1 - leaked / unwanted, precision, f1, accuracy]


def image_scores(
    images: Callable[[Page], list[str]], pages: Iterable[Page], truth: dict[str, list[str]]
) -> list[float]:
    """Return the share of true pictures kept, that of kept ones true, and that kept in order."""
    kept = right = total = found = 0
    for page in pages:
        if page.uri in truth:
            wanted, got = truth[page.uri], images(page)
            rest = list(got)
            hits = sum(1 for uri in wanted if uri in rest and (rest.remove(uri) or True))
            kept += hits
            total += len(wanted)
            found += len(got)
            right += common_in_order(wanted, got)
    return [kept / total, kept / max(found, 1), right / total]


def common_in_order(one: Sequence[str], other: Sequence[str]) -> int:
    """Return the length of the longest common subsequence."""
    best = [0] * (len(other) + 1)
    for item in one:
        diagonal = 0
        for index, candidate in enumerate(other, start=1):
            above = best[index]
            best[index] = diagonal + 1 if item == candidate else max(above, best[index - 1])
            diagonal = above
    return best[-1]


def main() -> None:
    """Run the comparison and print its three tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data/web"))
    data = parser.parse_args().data
    gold = json.loads((data / "news_gold.json").read_text(encoding="utf-8"))
    truth = json.loads(TRUTH.read_text(encoding="utf-8"))
    news, blog = read_pages(data / "news.warc.gz"), read_pages(data / "blog.warc.gz")
    contestants = tools()
    warm_up(contestants, news)
    for _ in range(PASSES):
        run(contestants, news)

    print(f"text, {len(gold)} pages          kept  kept out  precision     F1  accuracy")
    for tool in contestants:
        recall, out, precision, f1, accuracy = snippet_scores(tool.texts, gold)
        print(f"{tool.name:20}{recall:9.4f}{out:10.4f}{precision:11.4f}{f1:7.4f}{accuracy:10.4f}")
    print(f"\npages per CPU s, {len(news)} pages  pass 1  pass 2   p50 ms   p99 ms")
    for tool in contestants:
        passes = [tool.seconds[i * len(news) : (i + 1) * len(news)] for i in range(PASSES)]
        rates = "".join(f"{len(news) / sum(seconds):8.1f}" for seconds in passes)
        p99 = statistics.quantiles(passes[0], n=100)[98]
        middle = statistics.median(passes[0])
        print(f"{tool.name:27}{rates}{middle * 1e3:9.1f}{p99 * 1e3:9.1f}")
    print(f"\npictures, {len(truth)} pages       kept  precision  in order")
    for tool in contestants:
        if tool.images is not None:
            kept, precision, order = image_scores(tool.images, blog, truth)
            print(f"{tool.name:20}{kept:9.4f}{precision:11.4f}{order:10.4f}")


if __name__ == "__main__":
    main()
