"""Low-rank additions to linear layers, trained in their stead and merged into them."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn
from torch.nn.functional import linear

from stages.errors import NotReadyError
from stages.files import write_bytes
from trainer.weights import released_name

CONFIG: Final = "adapter_config.json"
WEIGHTS: Final = "adapter_model.safetensors"
_PEFT: Final = "base_model.model."
"""How PEFT begins the names of an adapter's weights."""
_NAMED: Final = (("visual.", "model.visual."), ("model.", "model.language_model."))
"""How released names begin, and what transformers 5 calls these modules, which PEFT goes by."""


@dataclass(frozen=True, kw_only=True)
class Lora:
    """What gets low-rank additions.

    Attributes:
        rank: of each addition.
        alpha: its weight is alpha / rank.
        layers: patterns of the names of linear layers, `*` for any text.
    """

    rank: int = 16
    alpha: float = 32.0
    layers: tuple[str, ...] = ("language.layers.*",)

    def __post_init__(self) -> None:
        if self.rank < 1:
            raise ValueError(f"rank must be at least 1, got {self.rank}")


class LoraLinear(nn.Linear):
    """A linear layer with a low-rank addition: `W x + b + alpha / rank * B A x`.

    `weight` and `bias` keep their names; `lora_A.weight` is float[rank, in], `lora_B.weight`
    float[out, rank].

    Source: Hu et al. 2021, arXiv:2106.09685, section 4.1.
    """

    def __init__(self, base: nn.Linear, lora: Lora) -> None:
        """Take the place of a layer, whose parameters it shares."""
        nn.Module.__init__(self)
        self.in_features, self.out_features = base.in_features, base.out_features
        self.weight, self.bias = base.weight, base.bias
        kind: dict[str, Any] = {"device": base.weight.device, "dtype": base.weight.dtype}
        self.lora_A = nn.Linear(base.in_features, lora.rank, bias=False, **kind)
        self.lora_B = nn.Linear(lora.rank, base.out_features, bias=False, **kind)
        self.scale = lora.alpha / lora.rank

    def forward(self, x: Tensor) -> Tensor:
        """Return float[T, out] of float[T, in]."""
        addition: Tensor = self.lora_B(self.lora_A(x))
        return linear(x, self.weight, self.bias) + addition * self.scale

    @torch.no_grad()
    def init(self, generator: torch.Generator) -> None:
        """Draw A as PyTorch draws a linear layer and set B to zero: the addition is nought."""
        bound = 1 / math.sqrt(self.in_features)
        self.lora_A.weight.uniform_(-bound, bound, generator=generator)
        self.lora_B.weight.zero_()

    @torch.no_grad()
    def merged(self) -> nn.Linear:
        """Return a plain layer that computes the same; the weight is changed in its place."""
        self.weight += self.scale * (self.lora_B.weight @ self.lora_A.weight)
        with torch.device("meta"):
            plain = nn.Linear(self.in_features, self.out_features)
        plain.weight, plain.bias = self.weight, self.bias
        return plain


def apply_lora(model: nn.Module, lora: Lora, seed: int) -> None:
    """Give low-rank additions to layers that were to be trained, and freeze all but these.

    Args:
        model: frozen but for what was to be trained.
        lora: which layers, and how large the additions are.
        seed: of the additions.

    Raises:
        NotReadyError: when a part that was to be trained gets no addition.
    """
    wanted = {_part(name) for name, each in model.named_parameters() if each.requires_grad}
    chosen = [
        name
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and module.weight.requires_grad
        if any(fnmatchcase(name, pattern) for pattern in lora.layers)
    ]
    if left := sorted(wanted - {_part(name) for name in chosen}):
        raise NotReadyError(
            f"lora.layers {list(lora.layers)} name no linear layer of {', '.join(left)}, which "
            f"has a rate; add a pattern such as '{left[0]}.*', or set its rate to 0"
        )
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    generator = torch.Generator(next(model.parameters()).device).manual_seed(seed)
    for name in chosen:
        layer = LoraLinear(model.get_submodule(name), lora)  # type: ignore[arg-type]
        layer.init(generator)
        _put(model, name, layer)


def merge_lora(model: nn.Module) -> None:
    """Add the additions to the weights of their layers, which become plain ones again."""
    for name, layer in list(lora_layers(model)):
        _put(model, name, layer.merged())


def lora_layers(model: nn.Module) -> Iterator[tuple[str, LoraLinear]]:
    """Yield the layers that have additions, by their names."""
    for name, module in model.named_modules():
        if isinstance(module, LoraLinear):
            yield name, module


def save_lora(model: nn.Module, lora: Lora, folder: Path, *, base: str) -> None:
    """Write the additions as PEFT and vLLM read them, for transformers' model.

    Args:
        model: with additions that lie whole on this machine.
        lora: what they were made by.
        folder: made when it is not there.
        base: folder or hub name of the weights that they belong to.

    Raises:
        StorageError: when a file cannot be written.
    """
    names = [_module_name(name) for name, _ in lora_layers(model)]
    told = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base,
        "inference_mode": True,
        "r": lora.rank,
        "lora_alpha": lora.alpha,
        "lora_dropout": 0.0,
        "bias": "none",
        "fan_in_fan_out": False,
        "target_modules": sorted(names),
    }
    weights = {
        f"{_PEFT}{theirs}.{part}.weight": getattr(layer, part).weight.detach().cpu().contiguous()
        for theirs, (_, layer) in zip(names, lora_layers(model), strict=True)
        for part in ("lora_A", "lora_B")
    }
    write_bytes(folder / CONFIG, (json.dumps(told, indent=2) + "\n").encode())
    write_bytes(folder / WEIGHTS, save(weights, metadata={"format": "pt"}))


@torch.no_grad()
def load_lora(model: nn.Module, folder: Path) -> Lora:
    """Give a plain model the additions in a folder and return what they were made by.

    Raises:
        NotReadyError: when a file is missing, or the additions are of another model.
    """
    try:
        told = json.loads((folder / CONFIG).read_bytes())
        weights = load((folder / WEIGHTS).read_bytes())
    except (OSError, ValueError, SafetensorError) as error:
        raise NotReadyError(f"{folder} holds no additions that can be read: {error}") from error
    layers = {_module_name(name): name for name, _ in model.named_modules()}
    ours = {}
    for name, weight in sorted(weights.items()):
        layer, _, part = name.removeprefix(_PEFT).removesuffix(".weight").rpartition(".")
        if layer not in layers or part not in ("lora_A", "lora_B"):
            raise NotReadyError(f"{folder / WEIGHTS} holds {name}, the model has no such layer")
        ours[f"{layers[layer]}.{part}.weight"] = weight
    chosen = sorted({name.rsplit(".", 2)[0] for name in ours})
    lora = Lora(rank=told["r"], alpha=told["lora_alpha"], layers=tuple(chosen))
    for name in chosen:
        _put(model, name, LoraLinear(model.get_submodule(name), lora))  # type: ignore[arg-type]
    for name, weight in ours.items():
        model.get_parameter(name).copy_(weight)
    return lora


def _module_name(name: str) -> str:
    """Return what transformers 5 calls a module of ours.

    >>> _module_name("language.layers.0.attn.q_proj")
    'model.language_model.layers.0.self_attn.q_proj'
    """
    released = released_name(name)
    for beginning, newer in _NAMED:
        if released.startswith(beginning):
            return newer + released.removeprefix(beginning)
    return released


def _part(name: str) -> str:
    """Return the part of the model that a name belongs to; the head is the language model's."""
    first = name.partition(".")[0]
    return first if first != "lm_head" else "language"


def _put(model: nn.Module, name: str, layer: nn.Module) -> None:
    parent, _, own = name.rpartition(".")
    setattr(model.get_submodule(parent), own, layer)
