"""What a training says of itself: loss by source and kind, speed, waits; as lines and curves."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from trainer.counts import Group
from trainer.flops import Load, peak_flops, step_flops
from trainer.loss import PackLoss
from trainer.model import QwenVLModel
from trainer.parallel import Ranks

LOG = "metrics.jsonl"


@dataclass(kw_only=True)
class Meter:
    """Adds up what happens between two lines of the log.

    Sums stay on the device until a line is told, so that steps do not wait for them.

    Attributes:
        model: what is trained.
        ranks: that train.
        groups: of documents, in the order of `PackLoss.by_group`.
    """

    model: QwenVLModel
    ranks: Ranks
    groups: Sequence[Group]
    _loads: list[Load] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        self._sums = torch.zeros(2, len(self.groups), dtype=torch.float64, device=self.ranks.device)
        self._began, self._waited = time.perf_counter(), 0.0

    def add(self, load: Load, loss: PackLoss) -> None:
        """Add a pack."""
        self._loads.append(load)
        self._sums += torch.stack([loss.by_group.double(), loss.labels.double()])

    def line(self, wait_s: float) -> dict[str, Any]:
        """Return what is to be said of the time since the last line, and begin anew.

        Args:
            wait_s: seconds that the loader has been waited for since training began.
        """
        loss, labels = self.ranks.sum(self._sums).tolist()
        now = time.perf_counter()
        wall, waited = now - self._began, wait_s - self._waited
        total = Load(*map(sum, zip(*self._loads, strict=True)))
        flops = step_flops(self.model, self._loads)
        said = {
            "loss": sum(loss) / max(sum(labels), 1),
            "labels": int(sum(labels)),
            "tokens_per_s": total.tokens / wall * self.ranks.count,
            "patches_per_s": total.patches / wall * self.ranks.count,
            "tflops_per_s": flops / wall / 1e12,
            "wait_share": waited / wall,
            **self._accelerator(flops / wall),
            "losses": {
                f"{group.dataset}/{group.kind}": part / count
                for group, part, count in zip(self.groups, loss, labels, strict=True)
                if count
            },
        }
        self._sums.zero_()
        self._loads.clear()
        self._began, self._waited = now, wait_s
        return said

    def _accelerator(self, flops_per_s: float) -> dict[str, float]:
        if self.ranks.device.type != "cuda":
            return {}
        peak = peak_flops(torch.cuda.get_device_name(self.ranks.device))
        memory = torch.cuda.max_memory_allocated(self.ranks.device)
        return {"mfu": flops_per_s / peak, "memory_gb": memory / 1e9}


@dataclass(kw_only=True)
class Journal:
    """The lines of a training, in `metrics.jsonl` and for TensorBoard.

    Attributes:
        folder: of the training.
        after: steps that are done; lines of later ones, written before a kill, are forgotten.
    """

    folder: Path
    after: int = 0

    def __post_init__(self) -> None:
        from torch.utils.tensorboard import SummaryWriter

        kept = [line for line in read_lines(self.folder) if line["step"] <= self.after]
        text = "".join(json.dumps(line) + "\n" for line in kept)
        (self.folder / LOG).write_text(text)
        self._board = SummaryWriter(str(self.folder / "tensorboard"), purge_step=self.after + 1)

    def write(self, step: int, line: dict[str, Any]) -> None:
        """Write a line."""
        with (self.folder / LOG).open("a") as file:
            file.write(json.dumps({"step": step, **line}) + "\n")
        flat = {name: value for name, value in line.items() if isinstance(value, int | float)}
        flat |= {f"loss/{name}": value for name, value in line.get("losses", {}).items()}
        for name, value in flat.items():
            self._board.add_scalar(name, value, step)

    def close(self) -> None:
        """Let TensorBoard have everything."""
        self._board.close()


def read_lines(folder: Path) -> list[dict[str, Any]]:
    """Return the whole lines of a training's log; one that a kill cut off is left out."""
    file = folder / LOG
    lines = file.read_text().splitlines(keepends=True) if file.is_file() else []
    return [json.loads(line) for line in lines if line.endswith("\n")]


def as_text(line: dict[str, Any]) -> str:
    """Return a line as the console shows it.

    >>> as_text({"step": 3, "loss": 2.5, "tokens_per_s": 1200.0, "wait_share": 0.01})
    'step 3  loss 2.500  1,200 tokens/s  waited 1%'
    """
    said = [f"step {line['step']}"]
    if "loss" in line:
        said.append(f"loss {line['loss']:.3f}")
    if "tokens_per_s" in line:
        said.append(f"{line['tokens_per_s']:,.0f} tokens/s")
    if "mfu" in line:
        said.append(f"MFU {line['mfu']:.1%}")
    if "wait_share" in line:
        said.append(f"waited {line['wait_share']:.0%}")
    if "held_out_loss" in line:
        said.append(f"held-out loss {line['held_out_loss']:.3f}")
    return "  ".join(said)
