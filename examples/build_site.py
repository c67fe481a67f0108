"""Build the example web site from its texts, templates and drawings.

    python -m examples.build_site

writes `examples/site/` afresh. The result is committed, so that it can be read without building;
the same sources give the same bytes.
"""

from __future__ import annotations

import base64
import json
import re
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from jinja2 import Environment, FileSystemLoader
from markdown_it import MarkdownIt
from markupsafe import Markup

from examples.hostile import NOT_FOUND_PAGE, bomb, chequerboard, stump
from examples.near_copies import EXACT_COPIES, NEAR_COPIES
from examples.pictures import PICTURES, caption, encoded

HERE = Path(__file__).parent
SITE = HERE / "site"
LAYOUTS = {"instruments": "ledger", "charts": "ledger", "geometry": "plain", "maps": "plain"}
SECTIONS = ("mills", "garden", "weather", "instruments", "charts", "geometry", "maps")
FIGURE = re.compile(r'<p><img src="([^"]*)" alt="([^"]*)" title="([^"]*)" /></p>')
MARKDOWN = MarkdownIt("commonmark").enable("table")
COMMENTS = (
    "We tried this last week and it worked on the second attempt.",
    "My neighbour has done it this way for forty years and never wrote it down.",
    "First!",
    "Could you add the measurements in inches as well?",
    "The link to the second picture was broken this morning, now it is fine.",
    "Thank you, my class enjoyed the drawing very much.",
    "I still think the old way was better, but the pictures are nice.",
    "Does this also hold on the other side of the hill?",
)


@dataclass(frozen=True, kw_only=True)
class Page:
    """One page: where it lives, what its head says, its text as HTML, and its planted faults."""

    path: str
    title: str
    date: str
    body: str
    lang: str = "en"
    layout: str = "field"
    charset: str = "utf-8"
    meta_charset: str = "utf-8"
    nested_divs: int = 0
    cut_after: str = ""

    @property
    def section(self) -> str:
        """The folder of the page."""
        return self.path.split("/")[0]


def _image_url(source: str) -> str:
    if not source.startswith("inline:"):
        return f"../images/{source}"
    name = source.removeprefix("inline:")
    packed = base64.b64encode(encoded(name)).decode()
    return f"data:image/{name.rsplit('.', 1)[1]};base64,{packed}"


def _figure(match: re.Match[str]) -> str:
    source, alt, title = match.groups()
    name = source.removeprefix("inline:")
    alt = alt or caption(name)
    image = f'<img src="{_image_url(source)}" alt="{alt}">'
    return f"<figure>\n{image}\n<figcaption>{title}</figcaption>\n</figure>"


def read_page(source: Path) -> Page:
    """Read `examples/pages/SECTION/NAME.md`: `key: value` lines, dashes, Markdown."""
    head, text = source.read_text(encoding="utf-8").split("\n---\n", 1)
    path = source.relative_to(HERE / "pages").with_suffix(".html").as_posix()
    layout = LAYOUTS.get(path.split("/")[0], "field")
    fields = dict(line.split(": ", 1) for line in head.splitlines())
    nested_divs = int(fields.pop("nested_divs", 0))
    body = FIGURE.sub(_figure, MARKDOWN.render(text))
    return Page(path=path, body=body, layout=layout, nested_divs=nested_divs, **fields)


def read_pages() -> list[Page]:
    """All pages that have a text of their own, and the near-copies made from them."""
    own = {page.path: page for page in map(read_page, sorted(HERE.glob("pages/*/*.md")))}
    pages = list(own.values())
    for copy in NEAR_COPIES:
        body = own[copy.source].body
        for old, new in copy.changes:
            if body.count(old) != 1:
                raise ValueError(f"{copy.source}: {old!r} must occur once, to be changed")
            body = body.replace(old, new)
        pages.append(replace(own[copy.source], path=copy.target, layout=copy.layout, body=body))
    return pages


def render(page: Page, pages: list[Page], templates: Environment) -> bytes:
    """The file of one page: its text in the furniture of its layout, faults included."""
    rng = Random(page.path)
    articles = [p for p in pages if p.section in SECTIONS and p.path != page.path]
    near = [p for p in articles if p.section == page.section]
    based = page.layout == "plain"
    body = page.body.replace('"../', '"').replace(", ../", ", ") if based else page.body
    html = templates.get_template(f"{page.layout}.html.j2").render(
        page=page,
        root="" if based else "../",
        base="../",
        body=Markup("<div>" * page.nested_divs + body + "</div>" * page.nested_divs),
        sections=[next(p for p in pages if p.section == s) for s in SECTIONS],
        related=near[:3] or articles[:3],
        latest=rng.sample(articles, 5),
        comments=rng.sample(COMMENTS, rng.randint(2, 4)),
        linked_data=Markup(json.dumps({"headline": page.title, "datePublished": page.date})),
    )
    if page.cut_after:
        html = html[: html.index(page.cut_after) + len(page.cut_after)] + "<em clas"
    return html.encode(page.charset)


def hostile_files() -> dict[str, bytes]:
    """The planted files that are no good pictures, by name."""
    return {
        "attic-scan-cut-off.jpg": stump(encoded("attic-scan-cut-off.jpg"), share=0.4),
        "attic-empty.png": b"",
        "attic-not-found-page.jpg": NOT_FOUND_PAGE,
        "attic-moved.jpg": NOT_FOUND_PAGE,
        "scan-oversized.png": chequerboard(12_000, 9_000, side_px=600),
        "scan-of-nothing.png": bomb(40_000),
    }


def build(out: Path = SITE) -> Path:
    """Write the whole site into the folder `out`, which is emptied first."""
    shutil.rmtree(out, ignore_errors=True)
    templates = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    pages = read_pages()
    files = {page.path: render(page, pages, templates) for page in pages}
    files |= {target: files[source] for target, source in EXACT_COPIES.items()}
    groups = [(s, [p for p in pages if p.section == s]) for s in sorted({p.section for p in pages})]
    files["index.html"] = templates.get_template("index.html.j2").render(groups=groups).encode()
    files["style.css"] = (HERE / "templates/style.css").read_bytes()
    files["robots.txt"] = b"User-agent: *\nAllow: /\n"
    pictures = {name: encoded(name) for name in PICTURES} | hostile_files()
    files |= {f"images/{name}": data for name, data in pictures.items()}
    for path, data in files.items():
        (out / path).parent.mkdir(parents=True, exist_ok=True)
        (out / path).write_bytes(data)
    return out


if __name__ == "__main__":
    print(f"The site is in {build()}; open {SITE / 'index.html'} in a browser.")
