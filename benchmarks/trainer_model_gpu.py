"""The trainer's model forth and back on one accelerator, in bfloat16, at packs of 8,192 tokens.

    python -m benchmarks.trainer_model_gpu [--shape 3b 7b] [--steps 10] [--compile]

Random weights of a released shape read packs of documents, each a picture of 300 to 1,300 tokens
in text of 100 to 900, drawn from a seed. A step is what a pack costs: copy to the device, model,
cross entropy on every token of text, gradients of all parameters; no optimizer. Told of each
shape: seconds of the median step, tokens and patches a second, the share of the accelerator's
peak (arithmetic as `trainer.flops` counts it, vision encoder included, nothing twice), how often
a step waits for the accelerator, and memory at the most. It needs a CUDA accelerator.
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import torch
from torch.nn.functional import cross_entropy, linear
from torch.utils.checkpoint import checkpoint

from stages.geometry import Grid
from trainer.flops import load_of, peak_flops, step_flops
from trainer.inputs import ModelInputs, Pack
from trainer.layers import Block
from trainer.model import QwenVLModel
from trainer.model_config import SHAPES, ModelConfig, read_config
from trainer.positions import mrope_positions
from trainer.windows import vision_layout

WARM_UP = 3
CHUNK_TOKENS = 1024


def drawn_pack(config: ModelConfig, *, tokens: int, rng: np.random.Generator) -> Pack:
    """Return a pack of as many documents as fit; the text of the last one fills it."""
    grids, befores, lengths = [], [], []
    while True:
        grid = Grid(1, *(2 * rng.integers(18, 37, 2)).tolist())
        before, after = rng.integers(50, 450, 2).tolist()
        if sum(lengths) + before + grid.tokens + after > tokens:
            break
        grids.append(grid)
        befores.append(before)
        lengths.append(before + grid.tokens + after)
    lengths[-1] += tokens - sum(lengths)
    ends = np.cumsum([0, *lengths])
    is_medium = np.zeros(tokens, dtype=bool)
    for start, before, grid in zip(ends, befores, grids, strict=False):
        is_medium[start + before : start + before + grid.tokens] = True
    ids = rng.integers(0, config.tokens.begin, tokens)
    ids[is_medium] = config.tokens.image
    labels = np.roll(ids, -1)
    labels[np.roll(is_medium, -1)] = -100
    labels[ends[1:] - 1] = -100
    return Pack(
        inputs=_inputs(config, ids, ends, grids),
        labels=torch.from_numpy(labels),
        document_group=torch.zeros(len(grids), dtype=torch.int32),
        n_label_tokens=int((labels >= 0).sum()),
        rows=(),
    )


def _inputs(
    config: ModelConfig, ids: npt.NDArray[np.int64], ends: npt.NDArray[np.int64], grids: list[Grid]
) -> ModelInputs:
    is_medium = ids == config.tokens.image
    marks = np.split(is_medium, ends[1:-1])
    positions = [
        mrope_positions(mark, [grid], [0.0]) for mark, grid in zip(marks, grids, strict=True)
    ]
    layout = vision_layout(grids)
    return ModelInputs(
        input_ids=torch.from_numpy(ids),
        positions=torch.from_numpy(np.concatenate(positions, axis=1)),
        cu_documents=torch.from_numpy(ends.astype(np.int32)),
        max_document=len(ids),
        pixels=torch.randn(len(layout.patch_hw), config.vision.patch_values),
        patch_hw=torch.from_numpy(layout.patch_hw),
        cu_windows=torch.from_numpy(layout.cu_windows),
        max_window=layout.max_window,
        cu_frames=torch.from_numpy(layout.cu_frames),
        max_frame=layout.max_frame,
        merged_at=torch.from_numpy(np.flatnonzero(is_medium)[layout.order]),
    )


def step(model: QwenVLModel, pack: Pack) -> None:
    pack = pack.to(model.head_weight.device)
    hidden = model(pack.inputs)
    chunks = zip(hidden.split(CHUNK_TOKENS), pack.labels.split(CHUNK_TOKENS), strict=True)
    loss = sum(
        checkpoint(_loss, *chunk, model.head_weight, use_reentrant=False) for chunk in chunks
    )
    (loss / pack.n_label_tokens).backward()
    model.zero_grad()


def _loss(hidden: torch.Tensor, labels: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    return cross_entropy(linear(hidden, weight).float(), labels, reduction="sum")


def waits(model: QwenVLModel, pack: Pack) -> int:
    """Return how often a step waits for the accelerator."""
    torch.cuda.set_sync_debug_mode("warn")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        step(model, pack)
    torch.cuda.set_sync_debug_mode("default")
    return sum("synchroniz" in str(each.message) for each in caught)


def timed(model: QwenVLModel, packs: list[Pack]) -> Iterator[float]:
    """Yield the seconds of a step for each pack."""
    for pack in packs:
        torch.cuda.synchronize()
        start = time.perf_counter()
        step(model, pack)
        torch.cuda.synchronize()
        yield time.perf_counter() - start


def made(config: ModelConfig, args: argparse.Namespace) -> QwenVLModel:
    torch.set_default_dtype(torch.bfloat16)
    with torch.device("cuda"):
        model = QwenVLModel(
            config,
            recompute_vision="vision" in args.recompute,
            recompute_language="language" in args.recompute,
        )
    torch.set_default_dtype(torch.float32)
    model.init_weights(0)
    for module in model.modules():
        if args.compile and isinstance(module, Block):
            module.compile()
    return model


def measure(shape: str, args: argparse.Namespace) -> None:
    torch.cuda.reset_peak_memory_stats()
    config = read_config(SHAPES / f"{shape}.json")
    model = made(config, args)
    rng = np.random.default_rng(0)
    packs = [
        drawn_pack(config, tokens=args.tokens, rng=rng).pin_memory()
        for _ in range(WARM_UP + args.steps)
    ]
    seconds = list(timed(model, packs))[WARM_UP:]
    loads = [load_of(pack) for pack in packs[WARM_UP:]]
    shares = [
        step_flops(model, [load]) / second / peak_flops(torch.cuda.get_device_name())
        for load, second in zip(loads, seconds, strict=True)
    ]
    tokens = sum(load.tokens for load in loads) / sum(seconds)
    patches = sum(load.patches for load in loads) / sum(seconds)
    gib = torch.cuda.max_memory_allocated() / 2**30
    print(
        f"| {shape} | {statistics.median(seconds):.3f} | {tokens:,.0f} | {patches:,.0f}"
        f" | {statistics.median(shares):.1%} | {waits(model, packs[0])} | {gib:.1f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shape", nargs="+", default=["3b", "7b"])
    parser.add_argument("--tokens", type=int, default=8192)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--recompute", nargs="*", default=[], choices=["vision", "language"])
    parser.add_argument("--compile", action="store_true", help="compile each block")
    args = parser.parse_args()
    if not torch.cuda.is_available():
        parser.exit(2, "this measures a CUDA accelerator, and there is none here\n")
    print(f"{torch.cuda.get_device_name()}, PyTorch {torch.__version__}, {vars(args)}\n")
    print("| shape | s/step | tokens/s | patches/s | MFU | waits/step | GiB |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for shape in args.shape:
        measure(shape, args)
        torch.cuda.empty_cache()


if __name__ == "__main__":
    main()
