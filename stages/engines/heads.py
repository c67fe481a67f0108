"""Small networks that judge embeddings: layers in numpy, and the files that they come in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np

from stages.elements import Floats
from stages.engines.clip import TINY, TINY_FOLDER
from stages.engines.tf_checkpoint import read_arrays
from stages.errors import MissingWeightsError, NotReadyError

HeadFn = Callable[[Floats], Floats]
"""Unit vectors, float32[N, D], to a score of each, float32[N]; NaN for rows of NaN."""

Between = Literal["nothing", "relu"]
_UNKNOWN: Final = 0.0  # index that Keras gives to a value that it has not seen
_INDEXED: Final = 1.0  # no coordinate of a unit vector has a larger mean


@dataclass(frozen=True, kw_only=True, eq=False)
class Head:
    """A network on unit vectors.

    Attributes:
        name: file that it was read from.
        mean: float32[D], taken away first.
        std: float32[D], divided by next.
        layers: weight, float32[inputs, outputs], and bias, float32[outputs], of each layer.
        between: what stands between layers.
        is_probability: whether a sigmoid stands at the end.
    """

    name: str
    mean: Floats
    std: Floats
    layers: tuple[tuple[Floats, Floats], ...]
    between: Between = "nothing"
    is_probability: bool = True

    def __call__(self, vectors: Floats) -> Floats:
        """Return float32[N] for float32[N, D].

        Raises:
            NotReadyError: when the vectors are of another width than the head was made for.
        """
        width = len(self.mean)
        if vectors.ndim != 2 or vectors.shape[1] != width:
            raise NotReadyError(
                f"head {self.name} judges embeddings of width {width}, these are of width "
                f"{vectors.shape[-1]}; take the head that was made for this CLIP model"
            )
        values = (vectors - self.mean) / self.std
        for number, (weight, bias) in enumerate(self.layers):
            if number and self.between == "relu":
                values = np.maximum(values, 0)
            values = values @ weight + bias
        scores = values[:, 0].astype(np.float32)
        return _sigmoid(scores) if self.is_probability else scores


def _sigmoid(values: Floats) -> Floats:
    halves: Floats = (0.5 * (1 + np.tanh(0.5 * values))).astype(np.float32)
    return halves


_ORIGINS: Final = {
    "aesthetic": "https://github.com/christophschuhmann/improved-aesthetic-predictor",
    "safety": "https://github.com/LAION-AI/CLIP-based-NSFW-Detector",
}
"""Where the published heads are; they are on no hub."""


def head_file(weights: str, name: str) -> Path:
    """Return the file of a head; "tiny" is that of the tiny CLIP.

    Raises:
        MissingWeightsError: when there is no such file.
    """
    path = TINY_FOLDER / f"{name}.safetensors" if weights == TINY else Path(weights)
    if not path.is_file():
        origin = f"save a file of {_ORIGINS[name]} there, " if name in _ORIGINS else ""
        raise MissingWeightsError(
            f"there is no {name} head {weights!r}; {origin}name another, or train one by "
            f"python -m stages.engines.train_tiny_heads"
        )
    return path


def read_linear(path: Path) -> Head:
    """Return a head of one layer: `weight` float[D] and `bias` float[1] in safetensors."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        arrays = load_file(path)
        weight = arrays["weight"].astype(np.float32).reshape(-1, 1)
        bias = arrays["bias"].astype(np.float32).reshape(1)
    except (SafetensorError, KeyError, ValueError) as error:
        raise NotReadyError(f"{path} is no head of one layer ({error!r})") from error
    return _plain(path, ((weight, bias),), is_probability=True)


def read_torch(path: Path) -> Head:
    """Return a head of linear layers from a PyTorch state dict; loads tensors, runs no code."""
    from pickle import UnpicklingError

    import torch

    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        names = [key.removesuffix(".weight") for key in state if key.endswith(".weight")]
        layers = tuple(
            (state[f"{n}.weight"].float().numpy().T, state[f"{n}.bias"].float().numpy())
            for n in names
        )
        return _plain(path, layers, is_probability=False)
    except (UnpicklingError, EOFError, RuntimeError, KeyError, AttributeError, IndexError) as error:
        raise NotReadyError(f"{path} is no state dict of linear layers ({error!r})") from error


def _plain(path: Path, layers: tuple[tuple[Floats, Floats], ...], *, is_probability: bool) -> Head:
    width = layers[0][0].shape[0]
    return Head(
        name=path.name,
        mean=np.zeros(width, np.float32),
        std=np.ones(width, np.float32),
        layers=layers,
        is_probability=is_probability,
    )


def read_autokeras(path: Path) -> Head:
    """Return a head that AutoKeras made: standardised, dense layers with ReLU, a sigmoid.

    AutoKeras took a few coordinates for categories and put a number of its own in the place of
    each value that occurred in training. Their vocabularies are values in half precision, which
    those of a vector in single precision hardly ever equal: all are given the number of an
    unknown value, 0. Such coordinates show by their means, which are those of numbers of values.
    """
    arrays = read_arrays(path)
    normal = next((key for key in arrays if key.endswith("/mean/" + _VARIABLE)), "")
    if not normal:
        raise NotReadyError(f"{path} holds no layer that standardises; it is no head of AutoKeras")
    mean = arrays[normal]
    std = np.maximum(np.sqrt(arrays[normal.replace("/mean/", "/variance/")]), np.float32(1e-7))
    first = int(normal.split("-")[1].split("/")[0]) + 1
    layers: list[tuple[Floats, Floats]] = []
    while (kernel := f"layer_with_weights-{first + len(layers)}/kernel/{_VARIABLE}") in arrays:
        layers.append((arrays[kernel], arrays[kernel.replace("/kernel/", "/bias/")]))
    return _without_categories(path, mean, std, layers)


_VARIABLE: Final = ".ATTRIBUTES/VARIABLE_VALUE"


def _without_categories(
    path: Path, mean: Floats, std: Floats, layers: list[tuple[Floats, Floats]]
) -> Head:
    """Return the head with its categories, which are constant now, in the bias of a layer."""
    category = np.abs(mean) > _INDEXED
    constant = np.where(category, (_UNKNOWN - mean) / std, 0).astype(np.float32)
    weight, bias = layers[0]
    first = np.where(category[:, None], 0, weight), bias + constant @ weight
    return Head(
        name=path.name,
        mean=np.where(category, 0, mean),
        std=np.where(category, 1, std),
        layers=(first, *layers[1:]),
        between="relu",
    )
