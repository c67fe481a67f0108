"""Runs to cut and the fresh runs that they must equal, milled in this process."""

import io
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pyarrow.compute as pc
from rich.console import Console

from pipelines.folder import RunFolder
from pipelines.mill import mill
from pipelines.progress import Display
from pipelines.recipe import Recipe, build_recipe
from pipelines.recut import CutWorkers, mill_cut
from pipelines.recut_plan import plan_recut
from pipelines.run_note import about_run, note_run, told_of
from stages.elements import set_column
from stages.engines.clip import Clip
from stages.files import write_table
from stages.record import table_of
from stages.stage import Batch, Projection, Stage, StageFn
from tests.digests import digests
from tests.fakes import SameText, ids_of, sample
from tests.in_process import InProcess

READ = "stages.sources.read_parquet.ReadParquet"
UNTOLD = ("seconds", "cpu_s", "bytes_in")
"""Of the counts, what no other run of the same rows repeats."""
SEEN: list[str] = []
"""Rows that went through `Noted`."""


@dataclass(frozen=True, kw_only=True)
class Noted(Stage):
    """Notes which rows it was given."""

    reads: ClassVar = ("id",)
    source: ClassVar = "Quern"

    def build(self) -> StageFn:
        def note(batch: Batch) -> Batch:
            SEEN.extend(ids_of(batch))
            return batch

        return note


@dataclass(frozen=True, kw_only=True)
class Modelled(Noted):
    """Would load a model."""

    clip: Clip = Clip(model="tiny")  # noqa: RUF009  it is frozen


@dataclass(frozen=True, kw_only=True)
class SameTextFrom(SameText):
    """Looks at the first letters of the text alone."""

    letters: int = 20

    def project(self, batch: Batch) -> Projection:
        rows = super().project(batch).rows
        key = pc.utf8_slice_codeunits(rows.column("key"), 0, self.letters)
        return Projection(rows=set_column(rows, "key", key))


def write_rows(path: Path, rows: list[dict[str, Any]]) -> str:
    """Write records as one Parquet file, which is one unit; return its path."""
    write_table(path, table_of(rows))
    return str(path)


def row(name: str, texts: list[str], widths: list[int | None]) -> dict[str, Any]:
    """Return a row of texts, then pictures of some widths; None is not judged."""
    return sample(name, *texts, media=[{"width_px": width} for width in widths])


def recipe_of(
    paths: list[str], steps: list[Any], settings: tuple[str, ...] = (), **top: Any
) -> Recipe:
    """Return a recipe over files of rows."""
    content = {"source": {"use": READ, "paths": paths}, "steps": steps, **top}
    return build_recipe(content, "test.yaml", settings=settings)


def finish(recipe: Recipe, root: Path) -> RunFolder:
    """Mill a recipe to its end, `run.json` included."""
    folder, started = RunFolder(root=root), time.perf_counter()
    result = mill(recipe, folder, InProcess(), quiet())
    note_run(folder, about_run(recipe, folder), started, told_of(result))
    return folder


def cut_from(parent: RunFolder, settings: tuple[str, ...], root: Path) -> CutWorkers:
    """Cut a run without card and report; return who did the work."""
    _, workers = mill_cut(plan_recut(parent, settings), RunFolder(root=root), quiet())
    return workers


def quiet() -> Display:
    return Display(console=Console(file=io.StringIO()))


def files(root: Path) -> dict[str, str]:
    """Return the digests of all rows, ledgers, projections, decisions and shards."""
    wanted = [path for kind in ("*.parquet", "*.arrow") for path in root.rglob(kind)]
    return digests(wanted, root)


def marks(root: Path) -> dict[str, Any]:
    """Return what every `.done` says, but for what work took."""
    told: dict[str, Any] = {}
    for path in sorted(root.glob("*/*/*.done")):
        content = json.loads(path.read_text())
        for count in content.get("counts", []):
            for name in UNTOLD:
                count.pop(name)
        told[str(path.relative_to(root))] = content
    return told
