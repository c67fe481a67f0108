"""JPEG bytes through all cheap picture filters in one task, beside the bare decoder.

    python -m benchmarks.image_path [--jpegs 60] [--rounds 5] [--pictures FOLDER]

The JPEGs are those of benchmarks.perceptual_hash, noisy drawings of 1024 x 768, in a pack; or the
JPEGs of a folder. "bare decoder" is simplejpeg at full size on the bytes in memory, in colour.
"filters" walks rows with those pictures through ImageSize, ImageAspectRatio, Blur,
ImageUniformity, TextScreenshot and QrCode as a run does, reading the pack, judging, storing
scores; nothing is dropped. "and hashes" has the perceptual hash of PerceptualDedup in it, which
decodes again at an eighth of the size; "and density" then the numbers of MeasureDensity too.
All run in one process on one core, in turn, in every round; CPU seconds of all threads count.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from random import Random

import simplejpeg

from benchmarks.perceptual_hash import noisy
from filters.blur import Blur
from filters.image_aspect_ratio import ImageAspectRatio
from filters.image_size import ImageSize
from filters.image_uniformity import ImageUniformity
from filters.qr_code import QrCode
from filters.text_screenshot import TextScreenshot
from pipelines.recipe import Step
from pipelines.walk import walk
from stages.decode import Limits, decode_reduced, probe
from stages.measure_density import MeasureDensity
from stages.media import MediaStore, write_pack
from stages.perceptual_dedup import PerceptualDedup
from stages.picture_measures import SIDE_PX
from stages.record import document, media_part, table_of
from stages.stage import Batch, Operator, Regroup

PICTURES_PER_ROW = 4
CHEAP: tuple[Operator, ...] = (
    ImageSize(min_side_px=1),
    ImageAspectRatio(max_aspect_ratio=100),
    Blur(max_blur=1),
    ImageUniformity(min_entropy_bits=0, max_commonest_share=1),
    TextScreenshot(max_text_share=1),
    QrCode(max_qr_share=1),
)


def batch_of(jpegs: list[bytes], folder: Path) -> Batch:
    """Return rows of a few pictures each, their bytes in a pack."""
    media = []
    with write_pack(folder / "0.pack") as pack:
        for data in jpegs:
            sha256, location = pack.add(data)
            found = probe(data, Limits())
            sides = {"width_px": found.width_px, "height_px": found.height_px}
            place = {"sha256": sha256, "location": asdict(location), "status": "ok"}
            media.append({"type": "image", **place, **sides})
    rows = []
    for at in range(0, len(media), PICTURES_PER_ROW):
        shown = media[at : at + PICTURES_PER_ROW]
        parts = document([media_part(place) for place in range(len(shown))])
        rows.append({"id": f"{at:032x}", "media": shown, "messages": parts})
    return Batch(table=table_of(rows), store=MediaStore(root=folder))


def walked(batch: Batch, *more: Operator) -> Callable[[], None]:
    """Return the walk of a fresh batch through the filters, and what comes behind them."""
    steps = [
        Step(name=type(each).__name__.lower(), operator=each)
        for each in (*CHEAP, *more)
        if not isinstance(each, Regroup)
    ]
    regroups = [each for each in more if isinstance(each, Regroup)]

    def run() -> None:
        last = walk(batch.alone(), steps).batch
        assert len(last.media()) == len(batch.media())
        for each in regroups:
            each.project(last)

    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jpegs", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pictures", default="")
    options = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    if options.pictures:
        paths = sorted(Path(options.pictures).rglob("*.jp*g"))
        jpegs = Random(0).sample([path.read_bytes() for path in paths], len(paths))
    else:
        jpegs = [noisy(seed) for seed in range(options.jpegs)]
    with tempfile.TemporaryDirectory() as folder:
        batch = batch_of(jpegs, Path(folder))
        work: dict[str, Callable[[], object]] = {
            "bare decoder, whole": lambda: [simplejpeg.decode_jpeg(data) for data in jpegs],
            "reduced decoding alone": lambda: [
                decode_reduced(data, Limits(), SIDE_PX) for data in jpegs
            ],
            "filters": walked(batch),
            "and hashes": walked(batch, PerceptualDedup()),
            "and density": walked(batch, MeasureDensity(), PerceptualDedup()),
        }
        report(work, len(jpegs), options.rounds)


def report(work: dict[str, Callable[[], object]], pictures: int, rounds: int) -> None:
    for run in work.values():
        run()  # compiles
    rates: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(rounds):
        for name, run in work.items():
            start = time.process_time()
            run()
            rates[name].append(pictures / (time.process_time() - start))
    bare = statistics.median(rates["bare decoder, whole"])
    print(f"{pictures} JPEGs, {rounds} rounds, JPEGs per CPU second, of the bare decoder:")
    for name, found in rates.items():
        middle = statistics.median(found)
        spread = f"({min(found):.0f} to {max(found):.0f})"
        print(f"{name:<26}{middle:>8.0f}  {spread:<14}{middle / bare:>6.2f}")


if __name__ == "__main__":
    main()
