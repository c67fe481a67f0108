"""Contact sheets of the best and the worst documents of a run by each criterion."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from PIL import Image, ImageDraw, ImageFont

from stages.decode import Limits, decode_rgb
from stages.files import read_table
from stages.media import Location, MediaStore
from stages.record import conform
from stages.stage import Batch, Filter, Stage
from synth.renders.pen import FONT

TYPE = str(FONT.with_name("DejaVuSans.ttf"))  # it has the letters of most languages
SHOWN = 5
CELL_PX = (640, 190)
THUMB_PX = 130
PICTURES = 3


def rows_of(run: Path) -> Batch:
    """Return what the last segment of a run kept."""
    last = max(run.glob("segments/[0-9]*"), key=lambda folder: int(folder.name))
    tables = [conform(read_table(file)) for file in sorted(last.glob("*.kept.parquet"))]
    table = pa.concat_tables(tables, promote_options="default")
    return Batch(table=conform(table), store=MediaStore(root=run / "media"))


def write_sheets(
    run: Path, out: Path, stages: Sequence[Stage], filters: Mapping[str, tuple[Filter, str]]
) -> None:
    """Write a PNG for each criterion: the best documents on the left, the worst on the right.

    Args:
        run: folder of a run whose rows have pictures.
        out: where the sheets go.
        stages: measure the rows.
        filters: by criterion, a filter over samples and the name of its score.
    """
    batch = rows_of(run)
    for stage in stages:
        batch = stage.build()(batch)
    out.mkdir(parents=True, exist_ok=True)
    for criterion, (filter_, score) in filters.items():
        found = filter_.build()(batch)[score]
        judged = np.flatnonzero(~np.isnan(found))
        order = judged[np.argsort(-found[judged], kind="stable")]
        path = out / f"{criterion.replace(', ', '-').replace(' ', '-')}.png"
        _sheet(batch, found, order).save(path)
        low, middle, high = np.percentile(found[judged], [10, 50, 90])
        print(f"{path}: {len(judged)} documents, {low:.3f} / {middle:.3f} / {high:.3f}")


def _sheet(batch: Batch, found: npt.NDArray[np.float32], order: npt.NDArray[np.int64]) -> Any:
    columns = order[:SHOWN], order[::-1][:SHOWN]
    sheet = Image.new("RGB", (2 * CELL_PX[0], SHOWN * CELL_PX[1]), "white")
    for column, rows in enumerate(columns):
        for place, row in enumerate(rows.tolist()):
            cell = _cell(batch, row, float(found[row]))
            sheet.paste(cell, (column * CELL_PX[0], place * CELL_PX[1]))
    return sheet


def _cell(batch: Batch, row: int, score: float) -> Image.Image:
    """Draw a document: its score, how much it holds, its beginning and its first pictures."""
    content = batch.table.slice(row, 1).to_pylist()[0]
    parts = [part for message in content["messages"] for part in message["parts"]]
    texts = [part["text"] for part in parts if part["type"] == "text"]
    words = sum(len(text.split()) for text in texts)
    cell = Image.new("RGB", CELL_PX, "white")
    pen, font = ImageDraw.Draw(cell), ImageFont.truetype(TYPE, 10)
    head = f"{score:.3f}   {words} words, {len(content['media'])} pictures"
    pen.text((6, 4), head, "black", ImageFont.truetype(TYPE, 12))
    lines = textwrap.wrap(" ".join(" ".join(texts).split())[:420], 34)[:12]
    pen.multiline_text((6, 24), "\n".join(lines), "black", font)
    for place, medium in enumerate(content["media"][:PICTURES]):
        thumb = _thumb(batch, medium)
        left = 220 + place * (THUMB_PX + 8)
        if thumb is not None:
            cell.paste(thumb, (left, 24))
        told = {name: value for name, value in medium["scores"] if name in _TOLD}
        said = "  ".join(f"{_TOLD[name]} {value:.2f}" for name, value in told.items())
        pen.text((left, 160), said, "black", ImageFont.truetype(TYPE, 8))
    pen.rectangle((0, 0, CELL_PX[0] - 1, CELL_PX[1] - 1), outline="grey")
    return cell


_TOLD = {"clip.best": "best", "clip.residual": "left", "density.information": "info"}


def _thumb(batch: Batch, medium: Mapping[str, Any]) -> Image.Image | None:
    if medium["location"] is None:
        return None
    data = batch.store.read(Location(**medium["location"]))
    image = Image.fromarray(decode_rgb(data, Limits()))
    image.thumbnail((THUMB_PX, THUMB_PX))
    return image
