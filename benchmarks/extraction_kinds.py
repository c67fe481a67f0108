"""Measure extraction on six kinds of pages: docs, wikis, forums, shops, CJK, right-to-left.

    python -m benchmarks.extraction_kinds [--kind KIND] [--real DIR] [--show]

Pages made by `benchmarks.pages`, thirty of each kind, whose truth is known. Per kind and tool:
precision, recall and F1 of tokens (words; characters for Kana and Han), mean over pages; share of
blocks found whole and in order; share of junk snippets kept out; recall, precision and order of
pictures; empty outputs; pages per CPU second, first and second pass. All tools are given what
Quern's decoder made of the bytes, for most cannot be told the HTTP header. `--real DIR` measures
pages of Debian packages unpacked under DIR instead, by snippets (`pages/real_truth.json`);
`--show` lists Quern's worst pages.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urljoin

import trafilatura

from benchmarks.extraction import (
    MARKDOWN_IMAGE,
    Page,
    Tool,
    quern_images,
    resiliparse_text,
    run,
    warm_up,
)
from benchmarks.pages.build import MadePage, made_pages
from benchmarks.pages.real import print_real
from benchmarks.pages.scores import (
    in_order,
    leaked,
    lookable_junk,
    missing,
    picture_counts,
    token_scores,
)
from stages.extraction.article import article
from stages.extraction.charset import decode

PASSES = 2
HEAD = (
    "precision  recall      F1  blocks  junk out | pictures  precision  order | empty  pages/CPU s"
)


def quern_text(page: Page) -> str:
    found = article(decode(page.raw, content_type=page.content_type), url=page.uri)
    return "\n".join(block.text for block in found.blocks)


def trafilatura_text(page: Page, *, fast: bool, comments: bool) -> str:
    html = decode(page.raw, content_type=page.content_type)
    return trafilatura.extract(html, fast=fast, include_comments=comments) or ""


def trafilatura_images(page: Page, *, fast: bool, comments: bool) -> list[str]:
    text = trafilatura.extract(
        decode(page.raw, content_type=page.content_type),
        fast=fast,
        include_comments=comments,
        include_images=True,
        output_format="markdown",
    )
    return [urljoin(page.uri, found) for found in MARKDOWN_IMAGE.findall(text or "")]


def peer(name: str, *, fast: bool, comments: bool) -> Tool:
    return Tool(
        name=name,
        text=lambda page: trafilatura_text(page, fast=fast, comments=comments),
        images=lambda page: trafilatura_images(page, fast=fast, comments=comments),
    )


def tools() -> list[Tool]:
    return [
        Tool(name="Quern", text=quern_text, images=quern_images),
        peer("trafilatura fast", fast=True, comments=False),
        peer("trafilatura", fast=False, comments=False),
        peer("trafilatura+comments", fast=False, comments=True),
        Tool(name="resiliparse", text=resiliparse_text),
    ]


def as_page(made: MadePage) -> Page:
    return Page(uri=made.url, raw=made.raw, content_type=made.content_type)


def text_cells(tool: Tool, made: Sequence[MadePage]) -> str:
    """Return the columns about text."""
    texts = [tool.texts[page.url] for page in made]
    pairs = list(zip(texts, (page.truth for page in made), strict=True))
    means = [
        statistics.mean(column) for column in zip(*(token_scores(*p) for p in pairs), strict=True)
    ]
    blocks = statistics.mean(in_order(text, truth.blocks) for text, truth in pairs)
    wrong = sum(len(leaked(text, truth)) for text, truth in pairs)
    kept_out = 1 - wrong / sum(len(lookable_junk(truth)) for _, truth in pairs)
    precision, recall, f1 = means
    return f"{precision:9.3f}{recall:8.3f}{f1:8.3f}{blocks:8.3f}{kept_out:10.3f} |"


def picture_cells(tool: Tool, made: Sequence[MadePage]) -> str:
    """Return the columns about pictures."""
    images = tool.images
    if images is None:
        return f"{'–':>9}{'–':>11}{'–':>7} |"
    counts = [picture_counts(images(as_page(page)), page.truth) for page in made]
    wanted, found, right, ordered = (sum(column) for column in zip(*counts, strict=True))
    most = max(wanted, 1)
    return f"{right / most:9.3f}{right / max(found, 1):11.3f}{ordered / most:7.3f} |"


def speed_cells(tool: Tool, number: int) -> str:
    """Return the columns about empty outputs and speed."""
    empty = sum(not text.strip() for text in tool.texts.values())
    halves = [sum(tool.seconds[i * number : (i + 1) * number]) for i in range(PASSES)]
    return f"{empty:6}" + "".join(f"{number / seconds:8.0f}" for seconds in halves)


def print_kind(kind: str, made: Sequence[MadePage]) -> Tool:
    """Run all tools on one kind and print its table; return Quern."""
    contestants = tools()
    pages = [as_page(page) for page in made]
    warm_up(contestants, pages)
    for _ in range(PASSES):
        run(contestants, pages)
    print(f"\n{kind + f', {len(pages)} pages':22}{HEAD}")
    for tool in contestants:
        cells = text_cells(tool, made) + picture_cells(tool, made)
        print(f"{tool.name:22}{cells}{speed_cells(tool, len(pages))}", flush=True)
    return contestants[0]


def print_worst(quern: Tool, made: Sequence[MadePage]) -> None:
    """Print Quern's scores per page, worst first, with what it lost and wrongly kept."""
    scored = sorted((token_scores(quern.texts[m.url], m.truth)[::-1], m.name, m) for m in made)
    for (f1, recall, precision), name, page in scored:
        wanted, found, right, _ = picture_counts(quern_images(as_page(page)), page.truth)
        junk = [snippet[:40] for snippet in leaked(quern.texts[page.url], page.truth)]
        pictures = f"pictures {right}/{wanted} of {found}"
        print(f"  {name:22} F1 {f1:.3f} P {precision:.3f} R {recall:.3f} {pictures}")
        lost = [block[:40] for block in missing(quern.texts[page.url], page.truth)]
        print(f"    lost {lost[:8]}\n    kept {junk[:8]}")


def main() -> None:
    """Print a table for each kind."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kind", help="one kind alone")
    parser.add_argument("--real", type=Path, help="folder of unpacked Debian packages")
    parser.add_argument("--show", action="store_true", help="list pages, worst first")
    arguments = parser.parse_args()
    if arguments.real:
        print_real(arguments.real, tools(), show=arguments.show)
        return
    kinds: dict[str, list[MadePage]] = {}
    for page in made_pages():
        kinds.setdefault(page.kind, []).append(page)
    for kind, made in kinds.items():
        if arguments.kind in (None, kind):
            quern = print_kind(kind, made)
            if arguments.show:
                print_worst(quern, made)


if __name__ == "__main__":
    main()
