"""Pages, then pictures, deduplicated in whole runs: the same however the input is cut."""

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from pipelines.folder import RunFolder
from pipelines.mill import mill
from pipelines.progress import Display
from pipelines.recipe import build_recipe
from stages.files import read_table
from stages.record import table_of
from tests.fakes import sample
from tests.in_process import InProcess

STEPS = [
    {"use": "stages.multimodal_dedup.MultimodalDedup"},
    {"use": "stages.dedup.images.RepeatedImages", "max_documents": 2},
]
WORDS = [f"w{i}" for i in range(120)]


def pages():
    """Return eight stories, each on three pages, and a picture that all of them show."""
    rows = []
    for story in range(8):
        words = [f"s{story}{word}" for word in WORDS]
        for copy in range(3):
            edited = [*words[: 118 - copy], f"edit{copy}"]
            media = [f"p{story}", "logo"][: 1 + (copy > 0)]
            rows.append(sample(f"{story}{copy + 1}", " ".join(edited), media=media))
    return rows


def run(root, units):
    (root / "in").mkdir(parents=True)
    rows = pages()
    for unit, part in enumerate(np.array_split(np.arange(len(rows)), units)):
        pq.write_table(table_of([rows[i] for i in part]), root / "in" / f"{unit:02d}.parquet")
    source = {"use": "stages.sources.read_parquet.ReadParquet", "paths": [str(root / "in")]}
    recipe = build_recipe({"source": source, "steps": STEPS}, "test.yaml")
    display = Display(console=Console(file=io.StringIO()))
    mill(recipe, RunFolder(root=root / "out"), InProcess(), display)
    files = sorted((root / "out/segments/3").glob("*.kept.parquet"))
    return pa.concat_tables([read_table(file) for file in files])


@pytest.mark.parametrize("units", [1, 5, 8])
def test_the_best_page_of_each_story_stays_and_loses_what_all_show(tmp_path, units):
    kept = run(tmp_path, units)
    assert [id_.lstrip("0") for id_ in kept.column("id").to_pylist()] == [
        f"{story}2".lstrip("0") for story in range(8)
    ], "of the pages with two pictures that of the longer text"
    shown = [[m["sha256"] for m in media] for media in kept.column("media").to_pylist()]
    assert shown == [[f"p{story}"] for story in range(8)]
    assert set(kept.column("score.multimodal.cluster_size").to_pylist()) == {3.0}
