"""Recall and precision of picture deduplication on planted copies: by hash and by embedding.

    python -m benchmarks.image_dedup [--pictures FOLDER ...] [--drawings 80] [--clip tiny]

Every change is made to every picture; originals and copies are then deduplicated as one run, each
picture on a page of its own. Recall: originals of which the copy, or they themselves, were dropped
as like the other. Precision: of all that was dropped, what is like its own copy or original by
the operator's own account. `--clip pixels` is no CLIP but a stand-in: 16 x 16 pixels projected at
random.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pyarrow as pa

from benchmarks.planted_pictures import (
    CHANGES,
    STAND_IN,
    drawings,
    embedder,
    jpeg,
    pictures_in,
    sha256,
)
from stages.dedup.graph import forest_of_edges
from stages.dedup.nodes import elements_of, rows_of
from stages.dedup.semantic import SemanticDedup
from stages.elements import Floats
from stages.embeddings import with_embeddings
from stages.media import MediaStore, write_pack
from stages.perceptual_dedup import PerceptualDedup
from stages.record import document, media_part, table_of
from stages.stage import EDGES, Batch, Bucket, Regroup


def run_of(pictures: list[bytes], vectors: Floats, folder: Path) -> Batch:
    """Return pages of one picture each; picture n is of the kind n modulo half their number."""
    rows = []
    with write_pack(folder / "0.pack") as pack:
        for number, data in enumerate(pictures):
            digest, location = pack.add(data)
            place = {"sha256": digest, "status": "ok", "location": asdict(location)}
            media = [{"type": "image", "width_px": 1, "height_px": 1, **place}]
            content = {"messages": document([media_part(0)]), "media": media}
            rows.append({"id": f"{number % (len(pictures) // 2):x}", **content})
    known = {sha256(data): vector for data, vector in zip(pictures, vectors, strict=True)}
    table = with_embeddings(table_of(rows), "clip", known)
    return Batch(table=table, store=MediaStore(root=folder))


def decided(operator: Regroup, batch: Batch) -> pa.Table:
    """Return the decisions about a run of one unit."""
    projection = operator.project(batch)
    rows = projection.rows.append_column(
        "unit", pa.array(np.zeros(projection.rows.num_rows), pa.int32())
    )
    bucket = Bucket(index=0, media=Path("unused"), beside=lambda unit: projection.beside, units=1)
    if operator.fits:
        rows = operator.place(rows, operator.fit(projection.sample))
    found = operator.decide(rows, bucket)
    if not operator.combines:
        return found
    forest = forest_of_edges(*(found.column(name).to_numpy() for name in EDGES.names))
    row, element = rows_of(forest.node), elements_of(forest.node)
    members = operator.members(projection.beside, row, element)
    for name, values in {"row": row, "element": element, "cluster": forest.label}.items():
        members = members.append_column(name, pa.array(values))
    members = members.append_column("unit", pa.array(np.zeros(len(row)), pa.int32()))
    return operator.judge(members.append_column("score", pa.array(forest.score)), bucket)


def measure(operator: Regroup, batch: Batch, kinds: int) -> tuple[float, float]:
    """Return recall and precision."""
    dropped = [each for each in decided(operator, batch).to_pylist() if not each["keep"]]
    like = [int(each["reason"].rpartition(" ")[2], 16) for each in dropped]
    kind = [each["row"] % kinds for each in dropped]
    right = {k for k, other in zip(kind, like, strict=True) if k == other}
    correct = sum(k == other for k, other in zip(kind, like, strict=True))
    return len(right) / kinds, correct / len(dropped) if dropped else float("nan")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", nargs="*", default=[])
    parser.add_argument("--drawings", type=int, default=80)
    parser.add_argument("--clip", default="tiny")
    options = parser.parse_args()
    everything = pictures_in(*options.pictures) + drawings(options.drawings)
    different = {jpeg(image, 92): image for image in everything}
    originals, images = list(different), list(different.values())
    embed = embedder(options.clip)
    operators: dict[str, Regroup] = {
        f"hash {radius}": PerceptualDedup(radius=radius, drop="copies") for radius in (4, 10)
    }
    operators |= {f"cos {t}": SemanticDedup(threshold=t) for t in (0.9, 0.95, 0.98)}
    what = "a stand-in of pixels" if options.clip == STAND_IN else options.clip
    print(f"{len(originals)} pictures, {options.drawings} of them drawn; embedding: {what}")
    print(f"{'recall / precision':<26}" + "".join(f"{name:>14}" for name in operators))
    vectors = embed(originals)
    for change, apply in CHANGES.items():
        copies = [apply(image) for image in images]
        with tempfile.TemporaryDirectory() as folder:
            both = np.concatenate([vectors, embed(copies)])
            batch = run_of([*originals, *copies], both, Path(folder))
            found = [measure(each, batch, len(originals)) for each in operators.values()]
        print(f"{change:<26}" + "".join(f"{f'{r:.2f} / {p:.2f}':>14}" for r, p in found))


if __name__ == "__main__":
    main()
