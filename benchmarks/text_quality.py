"""The light model of text quality on real pages: what it tells apart, and how fast.

    python -m benchmarks.text_quality --read CRAWL.warc.gz ... [--model MODEL.npz] [--lines 3]

Pages are extracted, and those in English scored. Printed is the area under the ROC curve of
pages that Gopher's rules keep against those they drop, of pages kept against the same spoilt in
each way of `stages.engines.spoilt_texts`, the scores at percentiles of the kept pages, texts per
CPU second, and the first words of the worst and best pages that the rules keep and of the best
that they drop.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from random import Random

import numpy as np
import pyarrow as pa

from filters.gopher_quality import GopherQuality
from pipelines.recipe import Step
from pipelines.walk import walk
from stages.engines.linear_text import LinearText
from stages.engines.spoilt_texts import PHRASES, SPOIL
from stages.engines.train_text_quality import area
from stages.engines.training_texts import LIGHT_TEXT_QUALITY
from stages.extract_page import ExtractPage
from stages.media import MediaStore
from stages.sources.read_warc import ReadWarc
from stages.stage import Batch
from stages.tag_language import TagLanguage
from stages.tokens import tokenize


def pages(path: str) -> tuple[list[str], list[bool]]:
    """Return the texts of English pages and whether Gopher's rules keep each."""
    source = ReadWarc(paths=(path,))
    steps = [
        Step(name=type(each).__name__, operator=each) for each in (ExtractPage(), TagLanguage())
    ]
    texts, kept = [], []
    for unit in source.units():
        for chunk in source.read(unit):
            table = walk(
                Batch(table=chunk.rows, store=MediaStore(root=Path("."))), steps
            ).batch.table
            tags = table.column("tags").to_pylist()
            table = table.filter(pa.array(["lang:en" in (row or []) for row in tags]))
            batch = Batch(table=table, store=MediaStore(root=Path(".")))
            filter_ = GopherQuality()
            scores = filter_.build()(batch)
            keeps = [limit.keeps(scores[limit.score]) for limit in filter_.limits()]
            texts += _documents(batch)
            kept += np.logical_and.reduce(keeps).tolist()
    return texts, kept


def _documents(batch: Batch) -> list[str]:
    parts = batch.parts()
    texts = parts.values.field("text").filter(pa.array(parts.is_text)).fill_null("").to_pylist()
    rows: list[list[str]] = [[] for _ in range(len(batch))]
    for row, text in zip(parts.row[parts.is_text].tolist(), texts, strict=True):
        rows[row].append(text)
    return ["\n\n".join(row) for row in rows]


def scored(model: LinearText, texts: list[str]) -> np.ndarray:
    tokens = tokenize(pa.array(texts, pa.string()), row=np.arange(len(texts)), rows=len(texts))
    return model.score(tokens)


def show(head: str, texts: list[str], score: np.ndarray, order: np.ndarray, lines: int) -> None:
    print(head)
    for at in order[:lines]:
        print(f"  {score[at]:.3f}  {' '.join(texts[at].split())[:110]}")


def report(model: LinearText, path: str, lines: int) -> None:
    texts, keep = pages(path)
    kept = np.array(keep)
    start = time.process_time()
    score = scored(model, texts)
    rate = len(texts) / (time.process_time() - start)
    judged = ~np.isnan(score)
    good, bad = kept & judged, ~kept & judged
    print(f"\n{path}: {len(texts)} English pages, {good.sum()} kept, {bad.sum()} dropped")
    print(f"{rate:,.0f} texts per CPU s, tokens included")
    print(f"kept against dropped: {area(score[good], score[bad]):.3f}")
    draw = Random(0)
    for spoil in SPOIL:
        spoilt = [spoil(texts[at], draw, PHRASES) for at in np.flatnonzero(good)]
        print(f"kept against {spoil.__name__:<12} {area(score[good], scored(model, spoilt)):.3f}")
    for name, chosen in (("kept", good), ("dropped", bad)):
        marks = np.percentile(score[chosen], [1, 5, 10, 25, 50, 75, 95]).round(3).tolist()
        print(f"{name}, percentiles 1 5 10 25 50 75 95: {marks}")
    order = np.argsort(score)
    show("worst of the kept", texts, score, order[good[order]], lines)
    show("best of the kept", texts, score, order[good[order]][::-1], lines)
    show("best of the dropped", texts, score, order[bad[order]][::-1], lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--read", nargs="+", required=True)
    parser.add_argument("--model", type=Path, default=LIGHT_TEXT_QUALITY)
    parser.add_argument("--lines", type=int, default=3)
    options = parser.parse_args()
    model = LinearText.read(options.model)
    for path in options.read:
        report(model, path, options.lines)


if __name__ == "__main__":
    main()
