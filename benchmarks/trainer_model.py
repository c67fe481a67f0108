"""The trainer's model beside transformers' on one core: how near, and how fast.

    python -m benchmarks.trainer_model [--documents 24] [--rounds 5]

Both hold the same fresh weights of the tiny shape, in single precision, and read the same
documents: a picture of 16 to 100 tokens in text of 20 to 200, drawn from a seed. Ours reads them
as one pack; transformers' reads them one by one, and as a batch padded to the longest. Told are
the relative differences of logits, loss and gradients of the three parts, and the CPU seconds of
a step forth and back (median, in turn).
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pad_sequence
from transformers import Qwen2_5_VLForConditionalGeneration

from stages.geometry import Grid
from trainer.inputs import ModelInputs
from trainer.model import QwenVLModel
from trainer.model_config import SHAPES, ModelConfig, read_config
from trainer.positions import mrope_positions
from trainer.weights import released_name, save_model
from trainer.windows import vision_layout

PARTS = ("vision", "merger", "language")


@dataclass(frozen=True, kw_only=True)
class Document:
    """int64[L] tokens, int64[3, L] positions, and the patches of one picture."""

    ids: Tensor
    positions: Tensor
    grid: Grid
    pixels: Tensor


def drawn(config: ModelConfig, rng: np.random.Generator) -> Document:
    """Return a picture between two texts."""
    grid = Grid(1, *(2 * rng.integers(4, 11, 2)).tolist())
    ids = rng.integers(0, config.tokens.begin, grid.tokens + rng.integers(20, 201))
    start = rng.integers(5, len(ids) - grid.tokens)
    ids[start : start + grid.tokens] = config.tokens.image
    positions = mrope_positions(ids == config.tokens.image, [grid], [0.0])
    return Document(
        ids=torch.from_numpy(ids),
        positions=torch.from_numpy(positions),
        grid=grid,
        pixels=torch.randn(grid.patches, config.vision.patch_values),
    )


def packed(config: ModelConfig, documents: list[Document]) -> ModelInputs:
    """Return the documents end to end."""
    layout = vision_layout([each.grid for each in documents])
    order, ids = torch.from_numpy(layout.order), torch.cat([each.ids for each in documents])
    lengths = [len(each.ids) for each in documents]
    pixels = torch.cat([each.pixels for each in documents])
    return ModelInputs(
        input_ids=ids,
        positions=torch.cat([each.positions for each in documents], dim=1),
        cu_documents=torch.from_numpy(np.cumsum([0, *lengths], dtype=np.int32)),
        max_document=max(lengths),
        pixels=pixels.view(len(order), -1)[order].view(pixels.shape),
        patch_hw=torch.from_numpy(layout.patch_hw),
        cu_windows=torch.from_numpy(layout.cu_windows),
        max_window=layout.max_window,
        cu_frames=torch.from_numpy(layout.cu_frames),
        max_frame=layout.max_frame,
        merged_at=torch.nonzero(ids == config.tokens.image)[order, 0],
    )


def batched(documents: list[Document]) -> dict[str, Any]:
    """Return the documents as transformers reads them, padded to the longest."""
    positions = pad_sequence([each.positions.T for each in documents], batch_first=True)
    mask = [torch.ones_like(each.ids) for each in documents]
    return {
        "input_ids": pad_sequence([each.ids for each in documents], batch_first=True),
        "attention_mask": pad_sequence(mask, batch_first=True),
        "position_ids": positions.permute(2, 0, 1),
        "pixel_values": torch.cat([each.pixels for each in documents]),
        "image_grid_thw": torch.tensor([each.grid for each in documents]),
    }


class Made(NamedTuple):
    """The summed loss, and float[L, vocabulary] logits; gradients are in the model."""

    loss: Tensor
    logits: Tensor


def ours(model: QwenVLModel, inputs: ModelInputs) -> Made:
    """Return loss and logits, gradients made."""
    logits = model(inputs) @ model.head_weight.T
    labels = inputs.input_ids.roll(-1)
    labels[inputs.cu_documents[1:].long() - 1] = -100
    loss = cross_entropy(logits, labels, reduction="sum")
    loss.backward()
    return Made(loss.detach(), logits.detach())


def theirs(model: Any, given: dict[str, Any]) -> Made:
    """Return loss and logits of a batch, gradients made."""
    seen = given["attention_mask"].bool()
    logits = model(**given).logits
    labels = given["input_ids"].roll(-1, dims=1).masked_fill(~seen.roll(-1, dims=1), -100)
    labels[:, -1] = -100
    loss = cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="sum")
    loss.backward()
    return Made(loss.detach(), logits[seen].detach())


def one_by_one(model: Any, documents: list[Document]) -> Made:
    """Return the sum of the losses and all logits, gradients made."""
    losses, logits = zip(*(theirs(model, batched([each])) for each in documents), strict=True)
    return Made(torch.stack(losses).sum(), torch.cat(logits))


def gradients(model: torch.nn.Module, names: list[str]) -> Tensor:
    """Return the gradients of the named parameters end to end."""
    return torch.cat([model.get_parameter(name).grad.flatten() for name in names])


def inside_transformers(name: str) -> str:
    """Return the name that a parameter of ours has inside transformers' model."""
    name = released_name(name)
    for older, newer in (("visual.", "model.visual."), ("model.", "model.language_model.")):
        if name.startswith(older):
            return newer + name.removeprefix(older)
    return name


def differences(mine: QwenVLModel, other: Any, made: Made, beside: Made) -> str:
    """Return how far logits, loss and gradients lie apart, relative, as cells of a table."""
    pairs = [(made.logits, beside.logits), (made.loss, beside.loss)]
    for part in PARTS:
        names = [name for name, _ in mine.named_parameters() if name.startswith(part)]
        pairs.append((gradients(mine, names), gradients(other, [*map(inside_transformers, names)])))
    return " | ".join(f"{(a - b).norm() / b.norm():.1e}" for a, b in pairs)


def pair() -> tuple[QwenVLModel, Any]:
    """Return our model of the tiny shape and transformers', with the same weights."""
    mine = QwenVLModel(read_config(SHAPES / "tiny.json"))
    mine.init_weights(0)
    with tempfile.TemporaryDirectory() as folder:
        save_model(mine, Path(folder), dtype=torch.float32)
        other = Qwen2_5_VLForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)
    return mine, other


def timed(task: Callable[[], Made], seconds: list[float]) -> Made:
    start = time.process_time()
    made = task()
    seconds.append(time.process_time() - start)
    return made


def compare(mine: QwenVLModel, other: Any, documents: list[Document], rounds: int) -> None:
    """Print the differences in the first round, and the seconds of all."""
    inputs, batch = packed(mine.config, documents), batched(documents)
    peers: dict[str, Callable[[], Made]] = {
        "transformers, one by one": lambda: one_by_one(other, documents),
        "transformers, padded": lambda: theirs(other, batch),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ("quern, one pack", *peers)}
    print(f"{len(documents)} documents, {len(inputs.input_ids)} tokens, ", end="")
    print(f"{len(inputs.pixels)} patches; padded to {batch['input_ids'].numel()} tokens\n")
    print("| beside | logits | loss | ViT gradient | merger gradient | LLM gradient |")
    for index in range(rounds):
        mine.zero_grad()
        made = timed(lambda: ours(mine, inputs), seconds["quern, one pack"])
        for name, task in peers.items():
            other.zero_grad()
            beside = timed(task, seconds[name])
            if index == 0:
                print(f"| {name} | {differences(mine, other, made, beside)} |")
    print("\n| | CPU s of a step |")
    for name, each in seconds.items():
        print(f"| {name} | {statistics.median(each):.2f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--documents", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    mine, other = pair()
    rng = np.random.default_rng(0)
    documents = [drawn(mine.config, rng) for _ in range(args.documents)]
    compare(mine, other, documents, args.rounds)


if __name__ == "__main__":
    main()
