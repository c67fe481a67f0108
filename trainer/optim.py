"""AdamW with a rate for each part of the model, and how rates rise and fall."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal, NamedTuple

import torch
from torch import Tensor, nn

from trainer.config import TrainConfig

Part = Literal["vision", "merger", "language"]
PARTS: Final[tuple[Part, ...]] = ("vision", "merger", "language")


def part_of(name: str) -> Part:
    """Return the part that a parameter belongs to; the head is the language model's.

    >>> part_of("vision.blocks.0.attn.qkv.weight"), part_of("lm_head.weight")
    ('vision', 'language')
    """
    first = name.partition(".")[0]
    return first if first in ("vision", "merger") else "language"  # type: ignore[return-value]


def freeze(model: nn.Module, rates: Mapping[Part, float]) -> None:
    """Let gradients be computed for the parameters of parts with a rate above 0, and no others."""
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(rates[part_of(name)] > 0)


class Trained(NamedTuple):
    """What is trained of a part: parameters, and how many values they hold of how many."""

    part: Part
    parameters: int
    trained_values: int
    values: int
    rate: float


def trained_table(model: nn.Module, rates: Mapping[Part, float]) -> list[Trained]:
    """Return what is trained of each part.

    Raises:
        AssertionError: when a parameter's flag is not what its part's rate says, or nothing is
            trained: then the model was changed after `freeze`.
    """
    rows = []
    for part in PARTS:
        inside = [each for name, each in model.named_parameters() if part_of(name) == part]
        trained = [each for each in inside if each.requires_grad]
        assert bool(trained) == (rates[part] > 0), f"{part} is trained against its rate"
        counts = (sum(each.numel() for each in trained), sum(each.numel() for each in inside))
        rows.append(Trained(part, len(trained), *counts, rates[part]))
    assert any(row.trained_values for row in rows), "nothing is trained"
    return rows


def make_optimizer(model: nn.Module, config: TrainConfig) -> torch.optim.AdamW:
    """Return AdamW over what is trained; matrices decay, norms and biases do not."""
    groups: dict[tuple[Part, bool], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            groups.setdefault((part_of(name), parameter.ndim > 1), []).append(parameter)
    listed = [
        {
            "params": parameters,
            "lr": config.rates[part],
            "peak": config.rates[part],
            "weight_decay": config.weight_decay if decays else 0.0,
        }
        for (part, decays), parameters in groups.items()
    ]
    on_gpu = next(model.parameters()).is_cuda
    return torch.optim.AdamW(listed, betas=config.betas, eps=1e-8, fused=on_gpu)


def set_rates(optimizer: torch.optim.Optimizer, config: TrainConfig, step: int) -> float:
    """Set the rates of a step, counted from 0; return the share of their peaks."""
    share = rate_share(config, step)
    for group in optimizer.param_groups:
        group["lr"] = group["peak"] * share
    return share


def rate_share(config: TrainConfig, step: int) -> float:
    """Return the share of its peak that every rate has at a step, counted from 0.

    It rises in a line over `warmup_steps`. "cosine" then falls along half a cosine to
    `last_rate_share` at the last step; "wsd" (warm-up, stable, decay; Hu et al. 2024,
    arXiv:2404.06395) stays at the peak and falls in a line over the last `decay_steps`.
    """
    if step < config.warmup_steps:
        return (step + 1) / config.warmup_steps
    last = config.last_rate_share
    if config.schedule == "cosine":
        done = (step - config.warmup_steps) / max(1, config.steps - 1 - config.warmup_steps)
        return last + (1 - last) * (1 + math.cos(math.pi * min(done, 1.0))) / 2
    left = (config.steps - 1 - step) / max(1, config.decay_steps)
    return last + (1 - last) * min(max(left, 0.0), 1.0)


def gradients(model: nn.Module) -> Iterator[Tensor]:
    """Yield the gradients there are."""
    for parameter in model.parameters():
        if parameter.grad is not None:
            yield parameter.grad


def finish_gradients(model: nn.Module, labels: Tensor, clip_norm: float) -> Tensor:
    """Divide summed gradients by the step's labels, clip their norm, and return it unclipped.

    Args:
        model: holds gradients of the sum of losses over all packs and ranks.
        labels: float32[], the labels of the step over all packs and ranks.
        clip_norm: largest norm over all parameters; 0: unclipped.
    """
    scale = 1 / labels.clamp(min=1)
    for gradient in gradients(model):
        gradient.mul_(scale)
    limit = clip_norm or math.inf
    trained: list[Any] = [each for each in model.parameters() if each.requires_grad]
    norm = nn.utils.clip_grad_norm_(trained, limit)
    return norm.full_tensor() if hasattr(norm, "full_tensor") else norm
