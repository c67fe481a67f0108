"""Real pages of Debian packages, judged by snippets that must be kept and must not.

The pages are not ours to ship; fetch and unpack the packages that `real_truth.json` names:

    apt-get download PACKAGE && dpkg-deb -x PACKAGE_*.deb DIR/PACKAGE
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.extraction import Page, Tool, run, warm_up
from benchmarks.pages.scores import squashed

TRUTH = Path(__file__).parent / "real_truth.json"


def real_pages(root: Path) -> dict[str, list[tuple[Page, dict[str, Any]]]]:
    """Return by kind the pages that are there, each with its truth."""
    kinds: dict[str, list[tuple[Page, dict[str, Any]]]] = {}
    for entry in json.loads(TRUTH.read_text(encoding="utf-8")):
        path = root / entry["package"] / entry["path"]
        if path.exists():
            uri = f"https://{entry['package']}.example/{entry['path']}"
            page = Page(uri=uri, raw=path.read_bytes(), content_type="text/html")
            kinds.setdefault(entry["kind"], []).append((page, entry))
    return kinds


def print_real(root: Path, contestants: Sequence[Tool], *, show: bool) -> None:
    """Print kept and kept-out shares of snippets by kind and tool."""
    for kind, entries in real_pages(root).items():
        pages = [page for page, _ in entries]
        for tool in contestants:
            tool.seconds.clear()
        warm_up(contestants, pages)
        run(contestants, pages)
        print(f"\n{kind + f', {len(pages)} real pages':30}kept  kept out  empty  pages/CPU s")
        for tool in contestants:
            kept = share([squashed(s) in text_of(tool, p) for p, e in entries for s in e["with"]])
            out = [squashed(s) not in text_of(tool, p) for p, e in entries for s in e["without"]]
            empty = sum(not tool.texts[page.uri].strip() for page in pages)
            rate = len(pages) / sum(tool.seconds)
            print(f"{tool.name:28}{kept:6.3f}{share(out):10.3f}{empty:7}{rate:13.0f}")
        if show:
            for page, entry in entries:
                print_page(contestants[0], page, entry)


def print_page(tool: Tool, page: Page, entry: dict[str, Any]) -> None:
    """Print what a tool lost and wrongly kept of a page."""
    text = text_of(tool, page)
    lost = [snippet[:40] for snippet in entry["with"] if squashed(snippet) not in text]
    kept = [snippet[:40] for snippet in entry["without"] if squashed(snippet) in text]
    if lost or kept:
        print(f"  {page.uri}\n    lost {lost}\n    kept {kept}")


def text_of(tool: Tool, page: Page) -> str:
    return squashed(tool.texts[page.uri])


def share(truths: Sequence[bool]) -> float:
    return sum(truths) / max(len(truths), 1)
