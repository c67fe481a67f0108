"""Asking again what failed for the moment, in a run that is finished."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import pytest
from rich.console import Console

from filters.media_status import MediaStatus
from pipelines.folder import RunFolder
from pipelines.mill import mill
from pipelines.plan import explain
from pipelines.progress import Display
from pipelines.recipe import Recipe, Step
from pipelines.retry import retry_failed
from stages.fetch_media import FetchMedia
from stages.files import read_table
from stages.record import content_id, document, media_part, table_of, text_part
from stages.stage import Chunk, Source, Unit
from stages.web.options import Web
from tests.in_process import InProcess
from tests.stages.web.hostile import Hostile, names, png, response

HOSTS = [f"h{n}.example" for n in range(8)]


@dataclass(frozen=True, kw_only=True)
class Pages(Source):
    """One page per host, with one picture of the web, in two units."""

    source: ClassVar = "Quern"
    port: int = 80

    def units(self) -> list[Unit]:
        return [Unit(index=n, path=f"pages-{n}") for n in range(2)]

    def read(self, unit: Unit) -> Iterator[Chunk]:
        rows = [self._row(host) for host in HOSTS[unit.index :: 2]]
        yield Chunk(rows=table_of(rows))

    def _row(self, host: str) -> dict:
        uri = f"http://{host}:{self.port}/{host}.png"
        return {
            "id": content_id(uri),
            "kind": "interleaved",
            "source": {"dataset": "pages", "uri": f"http://{host}/"},
            "messages": document([text_part(host), media_part(0)]),
            "media": [{"type": "image", "uri": uri}],
        }


@pytest.fixture
def server():
    hostile = Hostile()
    hostile.pages |= {f"/{host}.png": response(png(side=n + 1)) for n, host in enumerate(HOSTS)}
    yield hostile
    hostile.close()


def recipe_of(server):
    web = Web(
        contact="me@quern.example",
        ports=(server.port,),
        allow_private=True,
        attempts=1,
        host_interval_s=0.0,
    )
    source = Pages(paths=("pages",), port=server.port)
    steps = (
        Step(name="fetch_media", operator=FetchMedia(schemes=("http",), web=web)),
        Step(name="media_status", operator=MediaStatus()),
    )
    return Recipe(name="retry", source=source, steps=steps, units=tuple(source.units()))


def run(recipe, folder):
    """Mill the recipe; return what was done."""
    workers = InProcess()
    mill(recipe, folder, workers, Display(console=Console(file=io.StringIO())))
    return workers.did


def pictures(folder):
    tables = [read_table(folder.unit_file(2, unit, "kept.parquet")) for unit in range(2)]
    return sum(len(row) for table in tables for row in table.column("media").to_pylist())


def test_buckets_with_trouble_that_may_pass_alone_are_decided_again(tmp_path, server, monkeypatch):
    recipe, folder = recipe_of(server), RunFolder(root=tmp_path)
    good = server.pages["/h3.example.png"]
    server.pages["/h3.example.png"] = response(b"", "503 Service Unavailable")
    server.pages["/h4.example.png"] = response(b"", "404 Not Found")
    with names(monkeypatch, dict.fromkeys(HOSTS, "127.0.0.1")):
        assert "bucket 1/0" in run(recipe, folder)
        assert pictures(folder) == 6

        server.asked.clear()
        server.pages["/h3.example.png"] = good
        assert run(recipe, folder) == []  # a finished run is left alone
        assert server.asked == []

        (again,) = retry_failed(recipe, folder)
        bucket = again.removeprefix("fetch_media ")
        assert "segment 2: 0 of 2 units done" in explain(recipe, folder)
        assert run(recipe, folder) == [f"bucket 1/{bucket}", "unit 2/0", "unit 2/1"]
        assert server.paths() == ["/h3.example.png"]
        assert pictures(folder) == 7

        assert retry_failed(recipe, folder) == []  # what is gone for good is not asked again
        assert run(recipe, folder) == []


def test_a_retry_that_is_cut_off_is_made_up_for(tmp_path, server, monkeypatch):
    """The count is written before the decisions are undone: rows never lag behind them."""
    recipe, folder = recipe_of(server), RunFolder(root=tmp_path)
    server.pages["/h3.example.png"] = response(b"", "503 Service Unavailable")
    with names(monkeypatch, dict.fromkeys(HOSTS, "127.0.0.1")):
        run(recipe, folder)
        with monkeypatch.context() as patch:
            patch.setattr("pipelines.retry.remove", lambda paths: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                retry_failed(recipe, folder)
        assert run(recipe, folder) == ["unit 2/0", "unit 2/1"]
        assert len(retry_failed(recipe, folder)) == 1


def test_an_unfinished_run_has_nothing_to_ask_again(tmp_path, server):
    assert retry_failed(recipe_of(server), RunFolder(root=tmp_path)) == []
