"""The trainer beside transformers' Trainer on one core: tokens a second on the same rows.

    python -m benchmarks.trainer_throughput --data RUN [--steps 40] [--pack-tokens 2048]

Both train all of a fresh model of the tiny shape, in single precision, on the rows of the same
packs; transformers' Trainer reads them as batches of as many rows, padded to the longest, pictures
by its own image processor. Both have one worker that decodes. Tokens are those of rows, padding
is not counted; slots filled of padded batches are those of random ones. A machine that others use
tells little by its clock, so tokens are also told for a CPU second of the training process. MFU is
the arithmetic that rows ask for (`trainer.flops`, the same for both) in such a second, as a share
of what products of 2,048 x 2,048 matrices reach. Needs `accelerate`.
"""

from __future__ import annotations

import argparse
import io
import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch.nn.utils.rnn import pad_sequence
from transformers import (
    Qwen2_5_VLForConditionalGeneration,
    Qwen2VLImageProcessor,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

from stages.shards import read_manifest
from stages.tokenizer import load_tokenizer
from trainer.assemble import IGNORED, Assembly
from trainer.config import TrainConfig
from trainer.counts import Counts, read_counts
from trainer.flops import Load, load_of, step_flops
from trainer.launch import launch, shards_of
from trainer.loop import make_model
from trainer.metrics import read_lines
from trainer.plan import plan_epoch
from trainer.rows import Row, RowReader
from trainer.weights import save_model

WARM_UP = 5
"""Steps that are not counted: code is compiled and workers start in them."""
RATE = 1e-3


class Told(NamedTuple):
    """What one of the two has done after the warm-up."""

    name: str
    tokens: int
    flops: float
    seconds: float
    cpu_s: float
    loss: float
    filled: float


def config_of(options: argparse.Namespace, max_pixels: int) -> TrainConfig:
    return TrainConfig(
        name="throughput",
        shape="tiny",
        processor="tiny",
        max_pixels=max_pixels,
        pack_tokens=options.pack_tokens,
        step_packs=1,
        steps=options.steps,
        vision_rate=RATE,
        merger_rate=RATE,
        language_rate=RATE,
        last_rate_share=1.0,
        precision="fp32",
        log_every=1,
        workers=1,
        over_long="drop",
    )


def sum_of(loads: Sequence[Load]) -> Load:
    return Load(*map(sum, zip(*loads, strict=True)))


def by_quern(config: TrainConfig, data: str, out: Path, loads: list[Load]) -> Told:
    began = time.process_time()
    launch(replace(config, steps=WARM_UP), data, out / "warm")
    warm = time.process_time()
    launch(config, data, out / "whole")
    cpu_s = time.process_time() - warm - (warm - began)
    out = out / "whole"
    lines = [line for line in read_lines(out) if "loss" in line]
    seconds = lines[-1]["time"] - lines[WARM_UP - 1]["time"]
    load = sum_of(loads[WARM_UP:])
    filled = load.tokens / (config.pack_tokens * (config.steps - WARM_UP))
    flops = step_flops(make_model(config), loads[WARM_UP:])
    return Told("quern", load.tokens, flops, seconds, cpu_s, lines[-1]["loss"], filled)


@dataclass(frozen=True)
class Collator:
    """Rows to a padded batch, pictures by transformers' image processor."""

    processor: Any
    image_pad: int
    padding: int

    def __call__(self, rows: list[Row]) -> dict[str, torch.Tensor]:
        """Return what transformers' model takes."""
        ids = [torch.from_numpy(row.input_ids.astype(np.int64)) for row in rows]
        labels = [torch.full_like(each, IGNORED) for each in ids]
        for row, mine, label in zip(rows, ids, labels, strict=True):
            for start, end in row.label_spans:
                label[start:end] = mine[start:end]
        pictures = [
            Image.open(io.BytesIO(file)).convert("RGB") for row in rows for file in row.images
        ]
        media = self.processor(images=pictures, return_tensors="pt")
        padded = pad_sequence(ids, batch_first=True, padding_value=self.padding)
        return {
            "input_ids": padded,
            "attention_mask": pad_sequence(
                [torch.ones_like(each) for each in ids], batch_first=True
            ),
            "labels": pad_sequence(labels, batch_first=True, padding_value=IGNORED),
            "mm_token_type_ids": (padded == self.image_pad).long(),
            "pixel_values": media["pixel_values"],
            "image_grid_thw": media["image_grid_thw"],
        }


class Clock(TrainerCallback):
    """When steps ended."""

    def __init__(self) -> None:
        self.ends: list[float] = []
        self.cpu_ends: list[float] = []

    def on_step_end(self, *_: Any, **__: Any) -> None:
        """Note the time."""
        self.ends.append(time.perf_counter())
        self.cpu_ends.append(time.process_time())


def by_transformers(
    config: TrainConfig, batches: list[list[Row]], flops: float, assembly: Assembly, out: Path
) -> Told:
    save_model(make_model(config), out / "weights", dtype=torch.float32)
    model = Qwen2_5_VLForConditionalGeneration.from_pretrained(out / "weights", dtype=torch.float32)
    stamp = assembly.stamp
    processor = Qwen2VLImageProcessor(
        size={"shortest_edge": stamp.min_pixels, "longest_edge": stamp.max_pixels}
    )
    clock, rows = Clock(), [row for batch in batches for row in batch]
    size = round(len(rows) / len(batches))
    trainer = Trainer(
        model=model,
        args=TrainingArguments(
            output_dir=str(out),
            per_device_train_batch_size=size,
            max_steps=len(rows) // size,
            learning_rate=RATE,
            lr_scheduler_type="constant",
            weight_decay=config.weight_decay,
            max_grad_norm=config.clip_norm,
            use_cpu=True,
            dataloader_num_workers=1,
            remove_unused_columns=False,
            logging_steps=1,
            report_to="none",
            save_strategy="no",
            disable_tqdm=True,
        ),
        train_dataset=rows,  # type: ignore[arg-type]
        data_collator=Collator(processor, assembly.image_pad, assembly.padding),
        callbacks=[clock],
    )
    trainer.train()
    steps = len(clock.ends)
    lengths = [len(row.input_ids) for row in rows]
    share = (steps - WARM_UP) / steps
    losses = [line["loss"] for line in trainer.state.log_history if "loss" in line]
    order = np.random.default_rng(0).permutation(len(rows) // size * size).reshape(-1, size)
    filled = np.mean([np.mean(each) / np.max(each) for each in np.array(lengths)[order]])
    return Told(
        "transformers' Trainer, padded",
        round(sum(lengths) * share),
        flops * share,
        clock.ends[-1] - clock.ends[WARM_UP - 1],
        clock.cpu_ends[-1] - clock.cpu_ends[WARM_UP - 1],
        losses[-1],
        float(filled),
    )


def rows_of_packs(counts: Counts, config: TrainConfig) -> list[list[Row]]:
    """Return the rows of each step of the training."""
    plan = plan_epoch(counts, config.packing, 0)
    packs = [plan.pack(step) for step in range(config.steps)]
    return [list(rows) for rows in RowReader(counts=counts).read(packs)]


def peak_flops() -> float:
    """Return the best of ten products of matrices, operations a second."""
    a, best = torch.randn(2048, 2048), np.inf
    for _ in range(10):
        began = time.process_time()
        a @ a
        best = min(best, time.process_time() - began)
    return 2 * 2048**3 / best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--pack-tokens", type=int, default=2048)
    options = parser.parse_args()
    torch.set_num_threads(1)
    shards = shards_of(options.data)
    stamp = read_manifest(shards).stamp
    assert stamp is not None, f"{shards} holds no sample"
    config = config_of(options, stamp.max_pixels)
    tokenizer = load_tokenizer("tiny")
    counts = read_counts(shards, stamp)
    batches = rows_of_packs(counts, config)
    assembly = Assembly.of(tokenizer.control, pack_tokens=options.pack_tokens, stamp=stamp)
    loads = [load_of(assembly.pack(rows)[0]) for rows in batches]
    peak = peak_flops()
    with tempfile.TemporaryDirectory() as folder:
        ours = by_quern(config, options.data, Path(folder) / "quern", loads)
        flops = step_flops(make_model(config), loads)
        theirs = by_transformers(config, batches, flops, assembly, Path(folder) / "theirs")
    print(json.dumps({"peak GFLOP/s": round(peak / 1e9, 1), "rows": sum(map(len, batches))}))
    print("| | tokens a s | tokens a CPU s | MFU | slots filled | loss at the end |")
    print("| --- | --- | --- | --- | --- | --- |")
    for told in (ours, theirs):
        wall, cpu = told.tokens / told.seconds, told.tokens / told.cpu_s
        said = f"{wall:,.0f} | {cpu:,.0f} | {told.flops / told.cpu_s / peak:.1%}"
        print(f"| {told.name} | {said} | {told.filled:.1%} | {told.loss:.2f} |")


if __name__ == "__main__":
    main()
