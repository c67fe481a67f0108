"""The report: one file that leads nowhere, whatever the web put into the run."""

import base64
import hashlib
import json
import re
import shutil
from html.parser import HTMLParser

import pyarrow.parquet as pq
import pytest

from pipelines import report
from pipelines.account.kept_pages import Block, page_of
from pipelines.account.samples import Kept
from pipelines.account.thumbnails import Thumbnails
from pipelines.folder import RunFolder, read_json, write_json
from pipelines.report import write_report
from stages.errors import StorageError
from stages.media import MediaStore
from stages.record import document, media_part, text_part
from tests.pipelines.synthetic_run import HOSTILE, recipe, synthetic_run


class Page(HTMLParser):
    """What a browser would find: elements with their attributes, the text, the scripts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.scripts: list[str] = []
        self._inside = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self._inside = tag

    def handle_endtag(self, tag):
        self._inside = ""

    def handle_data(self, data):
        if self._inside == "script":
            self.scripts.append(data)
        elif self._inside != "style":
            self.text += data


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return synthetic_run(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def html(folder: RunFolder) -> str:
    return write_report(folder).read_text()


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def dropped_of(page: Page) -> dict[str, dict[str, object]]:
    content = json.loads(page.scripts[0])
    return {step["name"]: step for step in content["steps"]}


def test_no_attribute_leads_out_of_the_page(page: Page):
    leading = {"src", "href", "action", "data", "poster", "srcset", "background"}
    found = [
        value or "" for _, each in page.elements for name, value in each.items() if name in leading
    ]

    assert found
    assert all(value.startswith(("#", "data:image/jpeg;base64,")) for value in found)


def test_no_style_loads_anything(html: str):
    assert not re.search(r"url\(|@import", html)


def test_hostile_text_adds_no_element_and_no_handler(page: Page):
    scripts = [attributes for tag, attributes in page.elements if tag == "script"]

    assert len(scripts) == 2
    assert not any(name.startswith("on") for _, each in page.elements for name in each)
    assert HOSTILE in page.text


def test_the_security_policy_allows_the_one_script_by_its_hash(page: Page):
    policy = next(
        each["content"] or ""
        for tag, each in page.elements
        if each.get("http-equiv") == "Content-Security-Policy"
    )
    digest = base64.b64encode(hashlib.sha256(page.scripts[1].encode()).digest()).decode()

    assert f"script-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy


def test_dropped_entries_stand_in_the_page_with_score_threshold_and_reason(page: Page):
    (entry,) = dropped_of(page)["letters"]["entries"]

    assert (entry["score"], entry["threshold"]) == (5.0, 10.0)
    assert entry["reason"] == "letters 5 < min 10"
    assert entry["uri"] == "http://quern.example/page/5"


def test_dropped_pictures_have_thumbnails(page: Page):
    thumbnails = json.loads(page.scripts[0])["thumbnails"]
    keys = [key for each in dropped_of(page)["image_size"]["entries"] for key in each["thumbnails"]]

    assert len(keys) == 3
    for key in keys:
        data = base64.b64decode(thumbnails[key].partition(",")[2])
        assert data.startswith(b"\xff\xd8")


def test_kept_samples_show_their_pictures_in_place(page: Page):
    pictures = [each for tag, each in page.elements if tag == "img"]

    assert len(pictures) == 7
    assert "Document 4." in page.text


def test_tracebacks_and_faults_are_shown_as_text(page: Page):
    assert f"ValueError: a broken document {HOSTILE}" in page.text
    assert f"cut off {HOSTILE}" in page.text


def test_the_report_of_a_run_is_the_same_each_time(folder: RunFolder, html: str):
    assert write_report(folder).read_text() == html


def test_thousands_of_entries_are_sampled_and_counted(folder: RunFolder, tmp_path):
    many = RunFolder(root=tmp_path / "run")
    shutil.copytree(folder.root, many.root)
    path = many.unit_file(1, 0, "rejected.parquet")
    entry = pq.read_table(many.unit_file(1, 1, "rejected.parquet")).slice(0, 1).to_pylist()[0]
    entries = [{**entry, "element": i, "excerpt": HOSTILE * 2} for i in range(20_000)]
    schema = pq.read_schema(path)
    pq.write_table(pq.read_table(path).from_pylist(entries, schema), path)
    done = read_json(many.unit_file(1, 0, "done"))
    assert done is not None
    write_json(many.unit_file(1, 0, "done"), {**done, "rejected": 20_000})
    target = write_report(many)
    step = dropped_of(Page(target.read_text()))[entry["step"]]

    assert step["total"] >= 20_000
    assert len(step["entries"]) == report.MAX_DROPPED_PER_STEP
    assert target.stat().st_size < 1_000_000


def test_thumbnails_stop_at_their_budget(folder: RunFolder, tmp_path, monkeypatch):
    other = RunFolder(root=tmp_path / "run")
    shutil.copytree(folder.root, other.root)
    monkeypatch.setattr(report, "KEPT_BUDGET", 0)
    monkeypatch.setattr(report, "DROPPED_BUDGET", 0)
    page = Page(write_report(other).read_text())

    assert not [tag for tag, _ in page.elements if tag == "img"]
    assert "[image] picture" in page.text


def test_a_picture_whose_pack_is_gone_is_named_instead_of_shown(folder: RunFolder, tmp_path):
    other = RunFolder(root=tmp_path / "run")
    shutil.copytree(folder.root, other.root)
    shutil.rmtree(other.media)

    assert "[image] picture 1" in Page(write_report(other).read_text()).text


def kept_row(parts: list[dict[str, object]]) -> Kept:
    media = [{"type": "image", "uri": "http://quern.example/a.png", "alt": None}]
    row = {"id": "1", "kind": "interleaved", "source": None, "tags": [], "media": media}
    return Kept(row={**row, "messages": document(parts)}, pictures={}, scores={})


def blocks_of(parts: list[dict[str, object]], folder: RunFolder) -> tuple[Block, ...]:
    thumbnails = Thumbnails(store=MediaStore(root=folder.media), max_bytes=0)
    return page_of(kept_row(parts), thumbnails).blocks


def test_a_long_text_is_cut_at_a_word_and_tells_what_is_missing(folder: RunFolder):
    (block,) = blocks_of([text_part("flour " * 1000)], folder)

    assert block.text.endswith("flour … (4,501 more characters)")


def test_a_page_of_many_parts_ends(folder: RunFolder):
    texts = blocks_of([text_part("")] * 10_000, folder)
    pictures = blocks_of([media_part(0)] * 10_000, folder)

    assert len(texts) <= 4_001
    assert pictures[-1].text == "… the rest is not shown here"
    assert len(pictures) == 13


def test_pictures_after_the_shown_text_are_still_shown(folder: RunFolder):
    parts = [text_part("a" * 1500)] * 4 + [media_part(0), text_part("end")]
    blocks = blocks_of(parts, folder)

    assert [block.kind for block in blocks] == ["text", "text", "text", "note", "note", "note"]
    assert [block.text for block in blocks[3:]] == [
        "… 1,500 characters not shown here …",
        "[image] http://quern.example/a.png",
        "… 3 characters not shown here …",
    ]


def test_a_stopped_run_shows_why_and_what_failed(tmp_path):
    page = Page(write_report(synthetic_run(tmp_path, stop_after=2)).read_text())

    assert "This run stopped before its end." in page.text
    assert "KeyboardInterrupt: stopped by hand" in page.text
    assert "Traceback" in page.text


def test_a_run_that_kept_nothing_has_a_report(tmp_path):
    page = Page(write_report(synthetic_run(tmp_path, recipe(min_letters=10_000))).read_text())

    assert "Nothing was kept." in page.text
    assert dropped_of(page)["letters"]["total"] == 11


def test_a_run_without_pictures_has_a_report(tmp_path):
    page = Page(write_report(synthetic_run(tmp_path, recipe(pictures=False))).read_text())

    assert not [tag for tag, _ in page.elements if tag == "img"]
    assert "0 pictures" in page.text


def test_a_run_stopped_before_anything_was_done_has_a_report(folder: RunFolder, tmp_path):
    content = read_json(folder.root / "run.json")
    assert content is not None
    write_json(tmp_path / "run.json", {**content, "state": "stopped", "segments": [], "shards": {}})

    assert "Nothing was finished." in write_report(RunFolder(root=tmp_path)).read_text()


def test_no_run_no_report(tmp_path):
    with pytest.raises(StorageError, match="is not a finished run"):
        write_report(RunFolder(root=tmp_path))
