"""Write the made-up pages and their truth.

python -m benchmarks.pages.build --out DIR

Writes DIR/KIND/NAME.html, in the charset of the page, and DIR/truth.json: per page its kind,
address, Content-Type header, blocks, free text, junk and pictures. The same files every time.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from benchmarks.pages.author import Author
from benchmarks.pages.sites import SITES, Site
from benchmarks.pages.truth import Truth, read_truth, served

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, kw_only=True)
class MadePage:
    """A page as a server would send it, and its truth."""

    kind: str
    name: str
    url: str
    raw: bytes
    content_type: str
    truth: Truth


def environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def made_pages() -> Iterator[MadePage]:
    """Yield every page, kind by kind."""
    jinja = environment()
    for site in SITES:
        template = jinja.get_template(site.template + ".html")
        for variant, bank in enumerate(site.banks, start=site.first):
            kind, engine = site.kind, site.template.partition("/")[2]
            name = f"{engine}_{variant}" if bank.startswith("en_") else f"{engine}_{bank}"
            author = Author(bank, page=f"{kind}/{name}", variant=variant)
            marked = template.render(w=author, ui=author.ui, charset=site.charset)
            yield MadePage(
                kind=kind,
                name=name,
                url=f"https://{name.replace('_', '-')}.quern.example/pages/page.html",
                raw=served(marked).encode(site.charset, errors="xmlcharrefreplace"),
                content_type=header(site),
                truth=read_truth(marked),
            )


def header(site: Site) -> str:
    return f"text/html; charset={site.charset}" if site.says_charset else "text/html"


def main() -> None:
    """Write all pages."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    out = parser.parse_args().out
    truths = {}
    for page in made_pages():
        path = out / page.kind / f"{page.name}.html"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(page.raw)
        about = {"kind": page.kind, "url": page.url, "content_type": page.content_type}
        truths[f"{page.kind}/{page.name}"] = {**about, **asdict(page.truth)}
    text = json.dumps(truths, ensure_ascii=False, indent=1)
    (out / "truth.json").write_text(text, encoding="utf-8")
    print(f"{len(truths)} pages in {out}")


if __name__ == "__main__":
    main()
