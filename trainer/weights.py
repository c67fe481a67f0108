"""Weights in the layout of the released models, in and out, as safetensors."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from stages.errors import MissingWeightsError, NotReadyError
from stages.files import write_bytes
from stages.geometry import PATCH_PX, TEMPORAL
from trainer.model import QwenVLModel
from trainer.model_config import CHANNELS, read_config, write_config

WEIGHTS: Final = "model.safetensors"
INDEX: Final = "model.safetensors.index.json"
MAX_FILE_BYTES: Final = 5_000_000_000

_PATCHES: Final = "visual.patch_embed.proj.weight"
_RELEASED: Final = (
    ("vision.patch_embed.", "visual.patch_embed.proj."),
    ("vision.", "visual."),
    ("merger.", "visual.merger."),
    ("language.", "model."),
)
"""Our beginnings of names and those of the released files, the longer ones first."""

_LAYERS: Final = (
    (".norm1.", ".input_layernorm."),
    (".norm2.", ".post_attention_layernorm."),
    (".attn.", ".self_attn."),
)
"""The same of what is inside the language model's layers."""

_NEWER: Final = (("model.language_model.", "model."), ("model.visual.", "visual."))
"""How transformers 5 begins names that the released files begin otherwise."""


def released_name(name: str) -> str:
    """Return the name that a parameter of `QwenVLModel` has in the released files.

    >>> released_name("language.layers.3.norm1.weight")
    'model.layers.3.input_layernorm.weight'
    >>> released_name("merger.mlp.0.bias")
    'visual.merger.mlp.0.bias'
    """
    for ours, theirs in _RELEASED:
        if name.startswith(ours):
            name = theirs + name.removeprefix(ours)
            break
    if name.startswith("model.layers."):
        for ours, theirs in _LAYERS:
            name = name.replace(ours, theirs)
    return name


def load_model(
    folder: Path, *, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32
) -> QwenVLModel:
    """Return the model in a folder, such as one of the released ones or a checkpoint of ours.

    Args:
        folder: holds `config.json` and `model.safetensors` or its parts with their index.
        device: where the model is to be.
        dtype: of its weights, whatever the files hold.

    Raises:
        MissingWeightsError: when a file is missing.
        NotReadyError: when the files do not hold the weights of the configuration.
    """
    config = read_config(folder)
    with torch.device("meta"):
        model = QwenVLModel(config)
    model = model.to(dtype).to_empty(device=device)
    load_weights(model, folder)
    return model


@torch.no_grad()
def load_weights(model: QwenVLModel, folder: Path) -> None:
    """Fill a model with the weights in a folder, one tensor at a time.

    Raises:
        MissingWeightsError: when a file is missing.
        NotReadyError: when the files lack a weight, hold another, or one of another shape.
    """
    wanted = {released_name(name): weight for name, weight in model.named_parameters()}
    for file in _files(folder):
        for name, tensor in _tensors(file):
            if name == "lm_head.weight" and model.config.tied:
                continue  # a copy of the embedding
            weight = wanted.pop(name, None)
            if weight is None:
                raise NotReadyError(f"{file} holds {name}, which the model has no place for")
            if tensor.numel() != weight.numel():
                raise NotReadyError(
                    f"{name} in {file} is of shape {tuple(tensor.shape)}, the model's is"
                    f" {tuple(weight.shape)}; config.json belongs to other weights"
                )
            weight.copy_(tensor.reshape(weight.shape))
    if wanted:
        some = ", ".join(sorted(wanted)[:3])
        raise NotReadyError(f"{folder} lacks {len(wanted)} of the model's weights: {some}")


def _files(folder: Path) -> list[Path]:
    """Return the weight files in a folder, all of which are there."""
    index = folder / INDEX
    names = {WEIGHTS}
    if index.exists():
        names = set(json.loads(index.read_text())["weight_map"].values())
    files = [folder / name for name in sorted(names)]
    if absent := [file for file in files if not file.exists()]:
        raise MissingWeightsError(
            f"{absent[0]} is missing; fetch the model's files into {folder} first"
        )
    return files


def _tensors(file: Path) -> Iterator[tuple[str, Tensor]]:
    """Yield the tensors of a file by their released names."""
    try:
        with safe_open(file, framework="pt") as opened:
            for name in opened.keys():  # noqa: SIM118, it is no mapping
                yield _older(name), opened.get_tensor(name)
    except SafetensorError as error:
        raise NotReadyError(f"{file} is damaged ({error}); fetch it again") from error


def _older(name: str) -> str:
    for newer, older in _NEWER:
        if name.startswith(newer):
            return older + name.removeprefix(newer)
    return name


def save_model(
    model: QwenVLModel,
    folder: Path,
    *,
    dtype: torch.dtype = torch.bfloat16,
    max_file_bytes: int = MAX_FILE_BYTES,
) -> None:
    """Write `config.json` and the weights so that transformers, vLLM and `load_model` read them.

    Args:
        model: whose weights lie whole on this machine.
        folder: made when it is not there.
        dtype: of the weights in the files.
        max_file_bytes: above it the weights are split over files with an index.

    Raises:
        StorageError: when a file cannot be written.
    """
    write_config(model.config, folder)
    save_weights(model.state_dict(), folder, dtype=dtype, max_file_bytes=max_file_bytes)


def save_weights(
    state: Mapping[str, Tensor],
    folder: Path,
    *,
    dtype: torch.dtype = torch.bfloat16,
    max_file_bytes: int = MAX_FILE_BYTES,
) -> None:
    """Write weights of a `QwenVLModel`, by our names, as files of the released layout.

    Raises:
        StorageError: when a file cannot be written.
    """
    weights = {released_name(name): _released(name, each) for name, each in state.items()}
    parts = _split(weights, max_file_bytes // dtype.itemsize)
    names = [f"model-{n:05}-of-{len(parts):05}.safetensors" for n in range(1, len(parts) + 1)]
    if len(parts) == 1:
        names = [WEIGHTS]
    for name, part in zip(names, parts, strict=True):
        # A copy of one part, made when its turn comes, is all that is held beside the model.
        held = {key: weights[key].to("cpu", dtype).contiguous() for key in part}
        write_bytes(folder / name, save(held, metadata={"format": "pt"}))
    if len(parts) > 1:
        _write_index(folder, names, parts, weights, dtype)


def _released(name: str, weight: Tensor) -> Tensor:
    """Return the weight in the shape that the released files have it in."""
    if released_name(name) == _PATCHES:
        return weight.reshape(-1, CHANNELS, TEMPORAL, PATCH_PX, PATCH_PX)
    return weight


def _split(weights: Mapping[str, Tensor], max_values: int) -> list[list[str]]:
    """Return names grouped so that each group holds at most that many values, or one weight."""
    parts: list[list[str]] = [[]]
    held = 0
    for name, weight in weights.items():
        if parts[-1] and held + weight.numel() > max_values:
            parts.append([])
            held = 0
        parts[-1].append(name)
        held += weight.numel()
    return parts


def _write_index(
    folder: Path,
    names: list[str],
    parts: list[list[str]],
    weights: Mapping[str, Tensor],
    dtype: torch.dtype,
) -> None:
    total = sum(weight.numel() for weight in weights.values()) * dtype.itemsize
    places = {key: name for name, part in zip(names, parts, strict=True) for key in part}
    index = {"metadata": {"total_size": total}, "weight_map": places}
    write_bytes(folder / INDEX, (json.dumps(index, indent=2) + "\n").encode())
