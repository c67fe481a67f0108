"""Runs on Ray: pools, workers that die, rows that fail, and the same rows as without Ray."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.folder import RunFolder
from pipelines.mill import Result, Workers, mill
from pipelines.progress import Display
from pipelines.recipe import Recipe, Step, build_recipe
from pipelines.run import OnRay
from stages.errors import QuarantineError, QuernError, StallError
from stages.stage import Operator
from tests.digests import digests
from tests.fakes import (
    BAD,
    DieOnBad,
    Doze,
    GreedyTag,
    PooledTag,
    RaiseOnBad,
    SameText,
    Tag,
    Twin,
    Undecided,
    sample,
)
from tests.in_process import InProcess

FILES = 4
ROWS = 30


def texts(file: int) -> list[str]:
    return [f"corn number {(file * 7 + row) % 41}" for row in range(ROWS)]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Four files of thirty rows; some texts come twice; row 11 of file 2 is the bad one."""
    folder = tmp_path / "in"
    folder.mkdir()
    for file in range(FILES):
        rows = texts(file)
        if file == 2:
            rows[11] = f"a sack of {BAD}"
        lines = [json.dumps(sample(f"{file}{row:02d}", text)) for row, text in enumerate(rows)]
        (folder / f"{file}.jsonl").write_text("\n".join(lines))
    return folder


def recipe_of(source: Path, *operators: Operator, **options: Any) -> Recipe:
    content = {"name": "t", "source": {"use": "stages.sources.read_jsonl.ReadJsonl"}, **options}
    base = build_recipe(content, "t", read=[str(source / "*.jsonl")])
    steps = tuple(
        Step(name=f"s{place}", operator=operator) for place, operator in enumerate(operators)
    )
    return Recipe(
        name="t",
        source=base.source,
        steps=steps,
        units=base.units,
        max_quarantine_fraction=base.max_quarantine_fraction,
        stall_minutes=base.stall_minutes,
    )


def run(recipe: Recipe, out: Path, workers: Workers) -> Result:
    return mill(recipe, RunFolder(root=out), workers, Display())


def kept(out: Path) -> dict[str, str]:
    """Return the digest of every file of rows of a run."""
    return digests(out.rglob("*.parquet"), out)


def quarantined(out: Path) -> list[dict[str, Any]]:
    files = sorted(out.rglob("*.quarantine.parquet"))
    rows: list[dict[str, Any]] = pa.concat_tables(map(pq.read_table, files)).to_pylist()
    return rows


@pytest.fixture
def on_ray(ray_here: None) -> OnRay:
    return OnRay(stall_minutes=1)


def test_ray_gives_the_same_bytes_as_one_process(
    source: Path, tmp_path: Path, on_ray: OnRay
) -> None:
    recipe = recipe_of(source, Tag(), SameText(), PooledTag(), Twin(), Tag())
    result = run(recipe, tmp_path / "ray", on_ray)
    run(recipe, tmp_path / "here", InProcess())
    assert kept(tmp_path / "ray") == kept(tmp_path / "here")
    assert result.counts[-1].rows_out == 2 * len({t for f in range(FILES) for t in texts(f)} | {1})


def test_a_row_that_kills_its_worker_is_the_only_one_lost(
    source: Path, tmp_path: Path, on_ray: OnRay
) -> None:
    recipe = recipe_of(source, Tag(), DieOnBad())
    result = run(recipe, tmp_path / "out", on_ray)
    assert result.counts[-1].rows_out == FILES * ROWS - 1
    (row,) = quarantined(tmp_path / "out")
    assert BAD in row["messages"][0]["parts"][0]["text"]
    assert row["quarantine.step"] == "s1"
    assert "died" in row["quarantine.error"]


def test_a_row_that_raises_is_quarantined_with_its_traceback(
    source: Path, tmp_path: Path, on_ray: OnRay
) -> None:
    result = run(recipe_of(source, RaiseOnBad()), tmp_path / "out", on_ray)
    assert result.counts[-1].quarantined == 1
    (row,) = quarantined(tmp_path / "out")
    assert "Traceback" in row["quarantine.error"]


def test_too_many_failing_rows_stop_the_run(source: Path, tmp_path: Path) -> None:
    lines = [json.dumps(sample(f"9{row:02d}", BAD)) for row in range(2)]
    (source / "9.jsonl").write_text("\n".join(lines))
    with pytest.raises(QuarantineError, match="s0 failed on 3 of 122 rows"):
        run(recipe_of(source, RaiseOnBad()), tmp_path / "out", InProcess())


def test_an_error_in_a_decision_reaches_the_driver(
    source: Path, tmp_path: Path, on_ray: OnRay
) -> None:
    with pytest.raises(QuernError, match="neither this nor that"):
        run(recipe_of(source, Tag(), Undecided()), tmp_path / "out", on_ray)


def test_pools_that_would_starve_the_other_steps_are_refused(
    source: Path, tmp_path: Path, on_ray: OnRay
) -> None:
    with pytest.raises(QuernError, match="wants 2 CPUs for its workers and 1 for its other"):
        run(recipe_of(source, Tag(), GreedyTag()), tmp_path / "out", on_ray)


def test_a_run_without_progress_stops_and_names_the_units(
    source: Path, tmp_path: Path, ray_here: None
) -> None:
    with pytest.raises(StallError, match=r"unit \d of \d\.jsonl"):
        run(recipe_of(source, Doze(seconds=60)), tmp_path / "out", OnRay(stall_minutes=0.05))
