"""A small run with real pictures, milled in this process, for tests of card and report."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow.compute as pc
from PIL import Image, ImageDraw
from rich.console import Console

from filters.image_size import ImageSize
from pipelines.folder import RunFolder, write_json
from pipelines.mill import Result, mill
from pipelines.plan import describe
from pipelines.progress import Display
from pipelines.recipe import Recipe, Step
from stages.fetch_media import FetchMedia
from stages.probe_media import ProbeMedia
from stages.record import content_id, document, media_part, table_of, text_part
from stages.stage import (
    Batch,
    Chunk,
    Fault,
    Filter,
    Level,
    Limit,
    Operator,
    ScoreFn,
    Source,
    Stage,
    StageFn,
    Unit,
)
from stages.tokenize_sample import TokenizeSample
from stages.write_shards import WriteShards
from tests.in_process import InProcess

HOSTILE = "<script>alert('x')</script><img src=http://evil.example/x.png onerror=alert(1)>"
COLOURS = ("firebrick", "seagreen", "royalblue", "goldenrod", "slateblue", "darkorange")
SMALL = 4  # every so many pictures, one is too small
BROKEN_ROW = 7
SHORT_ROW = 5
HOSTILE_ROW = 2


def picture_uri(index: int) -> str:
    """Return a small JPEG, different for each index, as a data: URI."""
    side = 40 if index % SMALL == 0 else 160
    image = Image.new("RGB", (side, side * 3 // 4), COLOURS[index % len(COLOURS)])
    draw = ImageDraw.Draw(image)
    draw.ellipse((10, 10, 30 + index % 9 * 5, 30 + index % 9 * 5), fill="ivory")
    draw.text((side // 2, side // 2), str(index), fill="black")
    data = io.BytesIO()
    image.save(data, "JPEG")
    return f"data:image/jpeg;base64,{base64.b64encode(data.getvalue()).decode()}"


@dataclass(frozen=True, kw_only=True)
class MadeUp(Source):
    """Two units of made-up documents; the last one ends in a fault."""

    source: ClassVar = "Quern"

    rows: int = 12
    pictures: bool = True

    def units(self) -> list[Unit]:
        half = self.rows // 2
        bounds = [(0, half), (half, self.rows)]
        return [
            Unit(index=i, path=f"made-up-{i}", start=a, stop=b) for i, (a, b) in enumerate(bounds)
        ]

    def read(self, unit: Unit) -> Iterator[Chunk]:
        fault = Fault(path=unit.path, offset=unit.stop, message=f"cut off {HOSTILE}")
        rows = [self._row(index) for index in range(unit.start, unit.stop)]
        yield Chunk(rows=table_of(rows), faults=(fault,) if unit.index else ())

    def _row(self, index: int) -> dict[str, Any]:
        sentence = "The upper stone turns upon the lower one and the flour falls out at the rim. "
        text = f"Document {index}. {sentence * (1 + index % 4)}"
        special = {
            HOSTILE_ROW: f"{HOSTILE} {text}",
            SHORT_ROW: "short",
            BROKEN_ROW: f"{text} broken",
        }
        parts = [text_part(special.get(index, text))]
        if self.pictures:
            parts += [media_part(0), text_part(f"Afterword of document {index}.")]
        uri = f"http://quern.example/page/{index}"
        media = [{"type": "image", "uri": picture_uri(index), "alt": f"picture {index}"}]
        return {
            "id": content_id(uri),
            "kind": "interleaved" if self.pictures else "text",
            "source": {
                "dataset": "made-up",
                "uri": uri,
                "licence": "cc-by-4.0" if index % 2 else None,
            },
            "messages": document(parts),
            "media": media if self.pictures else [],
            "tags": ["lang:en"] if index % 3 else ["lang:de"],
        }


@dataclass(frozen=True, kw_only=True)
class Fragile(Stage):
    """Fails on a text that says "broken"."""

    source: ClassVar = "Quern"

    def build(self) -> StageFn:
        def check(batch: Batch) -> Batch:
            texts = batch.parts().values.field("text")
            if pc.any(pc.match_substring(texts, "broken")).as_py():
                raise ValueError(f"a broken document {HOSTILE}")
            return batch

        return check


@dataclass(frozen=True, kw_only=True)
class Letters(Filter):
    """Scores the letters of the first text part of a sample, or of each text part."""

    source: ClassVar = "Quern"
    levels: ClassVar[tuple[Level, ...]] = ("sample", "text")
    min_letters: int = 10

    def limits(self) -> tuple[Limit, ...]:
        return (Limit(score="letters", min=self.min_letters),)

    def build(self) -> ScoreFn:
        def score(batch: Batch) -> dict[str, Any]:
            parts = batch.parts()
            lengths = pc.utf8_length(parts.values.field("text")).fill_null(0).to_numpy()
            wanted = parts.is_text if self.over == "text" else parts.position == 0
            return {"letters": lengths[wanted].astype(np.float32)}

        return score


def recipe(*, rows: int = 12, pictures: bool = True, min_letters: int = 10) -> Recipe:
    """Return the recipe of the run."""
    source = MadeUp(paths=("made-up",), rows=rows, pictures=pictures)
    operators: dict[str, Operator] = {
        "fragile": Fragile(),
        "letters": Letters(min_letters=min_letters),
        "part_letters": Letters(over="text", min_letters=27),
        "fetch_media": FetchMedia(),
        "probe_media": ProbeMedia(),
        "image_size": ImageSize(min_side_px=100),
        "tokenize_sample": TokenizeSample(processor="tiny"),
    }
    return Recipe(
        name="made up",
        description="Documents made up for tests: pages & pictures.",
        source=source,
        steps=tuple(Step(name=name, operator=each) for name, each in operators.items()),
        write=WriteShards(),
        max_quarantine_fraction=1.0,
        units=tuple(source.units()),
    )


def synthetic_run(root: Path, made: Recipe | None = None, *, stop_after: int = 0) -> RunFolder:
    """Mill the recipe into a folder, or stop after some pieces of work; write run.json."""
    made = made or recipe()
    folder = RunFolder(root=root)
    told: dict[str, Any] = {"state": "stopped", "error": "KeyboardInterrupt: stopped by hand"}
    with suppress(KeyboardInterrupt):
        display = Display(console=Console(file=io.StringIO()))
        told = _told(mill(made, folder, InProcess(stop_after=stop_after), display))
    write_json(folder.root / "run.json", {**_about(made), **told})
    return folder


def _about(made: Recipe) -> dict[str, Any]:
    return {
        "name": made.name,
        "description": made.description,
        "source": {**describe(made.source), "paths": ["made-up"]},
        "steps": [_step(step) for step in made.steps],
        "write": describe(made.write) if made.write else None,
        "seed": made.seed,
        "versions": {"quern": "0.1.0", "pyarrow": "26.0.1"},
        "machine": {"platform": "Linux", "python": "3.11", "cpus": 2, "memory_bytes": 8 << 30},
        "command": ["quern", "run", "made up.yaml"],
        "sessions": 1,
        "started": "2026-11-22T10:00:00+00:00",
        "ended": "2026-11-22T10:00:09+00:00",
        "seconds": 9.0,
        "segments": [],
        "shards": {},
    }


def _step(step: Step) -> dict[str, Any]:
    operator = step.operator
    return {
        "name": step.name,
        **describe(operator),
        "kind": next(b.__name__ for b in type(operator).__mro__ if b.__module__ == "stages.stage"),
        "over": getattr(operator, "over", "sample"),
        "reads": list(operator.reads),
        "writes": list(operator.writes),
        "cites": operator.source,
    }


def _told(result: Result) -> dict[str, Any]:
    return {
        "state": "done",
        "error": "",
        "segments": [asdict(segment) for segment in result.segments],
        "shards": asdict(result.shards) if result.shards else {},
    }
