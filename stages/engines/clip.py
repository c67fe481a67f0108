"""Pictures and texts to unit vectors that can be compared: CLIP, through open_clip."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

from stages.engines.clip_loaded import LoadedClip as LoadedClip  # what `load` gives
from stages.engines.hub import Download, open_clip_downloads
from stages.errors import MissingWeightsError, NotReadyError

TINY: Final = "tiny"
TINY_FOLDER: Final = Path(__file__).parent / "weights/tiny_clip"
CONFIG: Final = "open_clip_config.json"
_WEIGHTS: Final = ("*.safetensors", "*.bin", "*.pth")
_MAX_WORKERS: Final = 8


@dataclass(frozen=True, kw_only=True)
class Clip:
    """A CLIP model.

    Attributes:
        model: "hf-hub:NAME" of the hub, a folder with `open_clip_config.json` and weights, or
            the name of a shape that open_clip knows, as in `open_clip.list_models()`; "tiny" is
            a small one that comes along and knows what `synth.renders` draws.
        pretrained: whose weights of such a shape, as in `open_clip.list_pretrained()`, or a file.
        batch_size: pictures or texts that go through the model at once.
        device: "cpu", "cuda", "cuda:1", ...; "auto" takes a GPU if there is one. On a GPU the
            model runs in bfloat16, where that is slow in float16; on a CPU in float32.
        preprocess_workers: threads that resize pictures for the next batch while the model works
            on this one; 0: one on a CPU, up to eight beside a GPU.
    """

    model: str = "ViT-L-14-quickgelu"
    pretrained: str = "openai"
    batch_size: int = 64
    device: str = "auto"
    preprocess_workers: int = 0

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, got {self.batch_size}")
        if self.preprocess_workers < 0:
            raise ValueError(
                f"preprocess_workers must be at least 0, got {self.preprocess_workers}"
            )

    def check(self) -> None:
        """Look whether the model's files are on this machine.

        Raises:
            MissingWeightsError: when not; the message names the file and how to get it.
            NotReadyError: when open_clip knows no such model.
        """
        self._files()

    def load(self) -> LoadedClip:
        """Return the model; loaded once in a process, without asking the web.

        Raises:
            MissingWeightsError: as `check` does.
        """
        return _load(self)

    def downloads(self) -> tuple[Download, ...]:
        """Return what of the hub the engine needs on this machine."""
        if self._is_local:
            return ()
        return open_clip_downloads(self.model, self.pretrained)

    @property
    def _is_local(self) -> bool:
        return self.model == TINY or Path(self.model).is_dir()

    def _files(self) -> tuple[str, str]:
        """Return what open_clip calls the model and its weights, all of it on this machine."""
        if self._is_local:
            return f"local-dir:{_whole(TINY_FOLDER if self.model == TINY else self.model)}", ""
        if not self.model.startswith("hf-hub:") and not Path(self.pretrained).is_file():
            _check_name(self.model, self.pretrained)
        found = [_cached(each) for each in self.downloads()]
        if not found:
            return self.model, self.pretrained
        if self.model.startswith("hf-hub:"):
            return f"local-dir:{found[0]}", ""
        return self.model, str(_weights_in(found[0]))


def _whole(folder: str | Path) -> Path:
    """Return the absolute path of a folder that holds a model."""
    if not (Path(folder) / CONFIG).is_file():
        raise MissingWeightsError(f"model folder {str(folder)!r} holds no {CONFIG}")
    if _weights_in(Path(folder)) is None:
        raise MissingWeightsError(
            f"model folder {str(folder)!r} holds no weights ({', '.join(_WEIGHTS)})"
        )
    return Path(folder).absolute()


def _weights_in(folder: Path) -> Path | None:
    files = [file for pattern in _WEIGHTS for file in sorted(folder.glob(pattern))]
    return files[0] if files else None


def _check_name(model: str, pretrained: str) -> None:
    from open_clip import list_models, list_pretrained_tags_by_model

    if model not in list_models():
        raise NotReadyError(
            f"open_clip knows no model {model!r}; name one of `open_clip.list_models()`, "
            f"hf-hub:NAME, or a folder that holds {CONFIG} and weights"
        )
    tags = list_pretrained_tags_by_model(model)
    if pretrained not in tags:
        raise MissingWeightsError(
            f"model {model!r} needs weights: pretrained is {pretrained!r}, which is neither a "
            f"file nor one of {tags}"
        )


def _cached(download: Download) -> Path:
    folder = download.folder()
    if folder is None:
        raise MissingWeightsError(
            f"CLIP {download.repo!r}: {' and '.join(download.needs)} are not on this machine; "
            f"fetch it with `quern models fetch RECIPE`, or name a folder that holds the model"
        )
    return folder


@cache
def _load(clip: Clip) -> LoadedClip:
    import open_clip
    import torch
    from open_clip.transform import PreprocessCfg, image_transform_v2

    name, weights = clip._files()
    device = torch.device(_device(clip.device))
    model = open_clip.create_model(
        name,
        pretrained=weights or None,
        precision=_precision(device),
        device=device,
        force_custom_text=True,  # the text tower as a module of its own, weights as they are
        force_preprocess_cfg=_preprocess(clip),
    ).eval()
    model.visual.to(memory_format=torch.channels_last)  # as the pixels come; convolutions like it
    config = PreprocessCfg(**model.visual.preprocess_cfg)
    *resize, _, _ = image_transform_v2(config, is_train=False).transforms
    shape = (1, 3, 1, 1)
    side_px = config.size if isinstance(config.size, int) else max(config.size)
    return LoadedClip(
        dim=_dim(model, config.size),
        side_px=side_px,
        batch_size=clip.batch_size,
        workers=clip.preprocess_workers or _workers(device),
        _model=model,
        _tokenizer=open_clip.get_tokenizer(name),
        _resize=_apply_all(resize),
        _mean=torch.tensor(config.mean, device=device).view(shape),
        _std=torch.tensor(config.std, device=device).view(shape),
    )


def _apply_all(steps: Sequence[Any]) -> Any:
    """Return open_clip's own steps on a picture, up to those that make it a tensor."""
    from torchvision.transforms import Compose

    return Compose(list(steps))


def _device(wanted: str) -> str:
    import torch

    if wanted != "auto":
        return wanted
    return "cuda" if torch.cuda.is_available() else "cpu"


def _precision(device: Any) -> Literal["fp32", "fp16", "bf16"]:
    import torch

    if device.type != "cuda":
        return "fp32"
    return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"


def _preprocess(clip: Clip) -> dict[str, Any]:
    """Return how pictures were prepared when weights named by a tag were trained."""
    from open_clip import get_pretrained_cfg

    told = get_pretrained_cfg(clip.model, clip.pretrained) or {}
    names = ("mean", "std", "interpolation", "resize_mode")
    return {name: told[name] for name in names if name in told}


def _dim(model: Any, size: int | tuple[int, int]) -> int:
    """Return the length of the vectors, seen on a black picture."""
    import torch

    like = next(model.visual.parameters())
    sides = (size, size) if isinstance(size, int) else size
    with torch.inference_mode():
        return int(model.encode_image(like.new_zeros(1, 3, *sides)).shape[-1])


def _workers(device: Any) -> int:
    return 1 if device.type == "cpu" else min(_MAX_WORKERS, os.cpu_count() or 1)
