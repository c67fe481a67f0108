"""Qwen2.5-VL as an engine: it answers, and says how likely given answers are."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final, Literal

from stages.engines.endpoint import Endpoint
from stages.engines.hub import Download, model_downloads, model_folder, tokenizer_downloads
from stages.engines.vl_request import LoadedVL
from stages.errors import MissingWeightsError, NotReadyError
from stages.tokenizer import TINY, Tokenizer, load_tokenizer

Backend = Literal["transformers", "endpoint", "ray"]
RANDOM: Final = "random"
TINY_FOLDER: Final = Path(__file__).parent / "weights" / "tiny_qwen_vl"
MAX_PIXELS: Final = 1280 * 28 * 28
"""What the model's authors advise for a picture: at most 1,280 tokens."""


@dataclass(frozen=True, kw_only=True)
class QwenVL:
    """A Qwen2.5-VL in this process, behind a server, or in Ray Data's vLLM processor.

    Attributes:
        model: hub name or folder, or what the server calls it; "tiny" is a small one that comes
            along, good for trials, "random" one of random weights that shows only that all runs.
        backend: "transformers" runs it in this process, "endpoint" asks a server, "ray" starts
            vLLM on the cluster for each batch of rows.
        processor: hub name or folder of its tokenizer and image processor, or "tiny"; "": the
            model's own.
        min_pixels: fewest pixels of a picture as the model sees it; 0: the processor's own.
        max_pixels: most pixels of a picture as the model sees it; 0: the processor's own.
        device: of backend transformers, as torch names it; "auto": a GPU where there is one.
        batch_tokens: of backend transformers, most tokens computed at once, padding counted.
        endpoint: of backend endpoint, where the server is and how it is asked.
        replicas: of backend ray, copies of the model.
        gpus: of backend ray, GPUs that share one copy.
    """

    model: str = "Qwen/Qwen2.5-VL-7B-Instruct"
    backend: Backend = "transformers"
    processor: str = ""
    min_pixels: int = 0
    max_pixels: int = MAX_PIXELS
    device: str = "auto"
    batch_tokens: int = 16_384
    endpoint: Endpoint = field(default_factory=Endpoint)
    replicas: int = 1
    gpus: int = 1

    def __post_init__(self) -> None:
        for name, least in (
            ("min_pixels", 0),
            ("max_pixels", 0),
            ("batch_tokens", 1),
            ("replicas", 1),
            ("gpus", 1),
        ):
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}, got {getattr(self, name)}")

    def check(self) -> None:
        """Look whether the model is on this machine, or is served.

        Raises:
            NotReadyError: when it is not; the message says how to get it.
        """
        if self.backend == "endpoint":
            served = self.endpoint.served()
            if self.model not in served:
                raise NotReadyError(
                    f"{self.endpoint.url} serves {served}, not {self.model!r}; set the engine's "
                    f"model to what it serves"
                )
        elif self.backend == "ray":
            from stages.engines.qwen_vl_ray import check_vllm

            check_vllm()
        elif self.model != RANDOM:
            self._folder()
        self._tokenizer()

    def downloads(self) -> tuple[Download, ...]:
        """Return what of the hub the engine needs on this machine."""
        if self.model in (TINY, RANDOM):
            return ()
        needed = model_downloads(self.model) if self.backend != "endpoint" else ()
        extra = self.processor if self.processor or needed else self.model
        return needed + (tokenizer_downloads(extra) if extra not in ("", TINY) else ())

    def load(self) -> LoadedVL:
        """Return the model, loaded once per process.

        Raises:
            NotReadyError: when it is not there, as `check` says.
        """
        return _loaded(self)

    def _folder(self) -> Path:
        """Return the folder of the model.

        Raises:
            MissingWeightsError: when it is not on this machine.
        """
        if self.model == TINY and not TINY_FOLDER.is_dir():
            raise MissingWeightsError(
                f"the tiny model is not in {TINY_FOLDER}; use model random for trials, or name a "
                f"hub model and fetch it with `quern models fetch RECIPE`"
            )
        return model_folder(str(TINY_FOLDER) if self.model == TINY else self.model)

    def _tokenizer(self) -> Tokenizer:
        if self.processor:
            return load_tokenizer(self.processor)
        if self.model == RANDOM:
            return load_tokenizer(TINY)
        return load_tokenizer(str(TINY_FOLDER) if self.model == TINY else self.model)

    def _bounds(self, tokenizer: Tokenizer) -> tuple[int, int]:
        """Return fewest and most pixels of a picture as the model sees it."""
        fewest = self.min_pixels or tokenizer.min_pixels
        most = self.max_pixels or tokenizer.max_pixels
        if self.model == TINY:
            most = min(most, tokenizer.max_pixels)  # it was trained on small pictures alone
        if fewest > most:
            raise NotReadyError(
                f"min_pixels {fewest} is over max_pixels {most}; the processor's own are "
                f"{tokenizer.min_pixels} and {tokenizer.max_pixels}"
            )
        return fewest, most


@cache
def _loaded(engine: QwenVL) -> LoadedVL:
    tokenizer = engine._tokenizer()
    bounds = engine._bounds(tokenizer)
    if engine.backend == "endpoint":
        from stages.engines.qwen_vl_endpoint import ServedVL

        return ServedVL(
            model=engine.model, endpoint=engine.endpoint, tokenizer=tokenizer, bounds=bounds
        )
    if engine.backend == "ray":
        from stages.engines.qwen_vl_ray import RayVL

        return RayVL(engine=engine, tokenizer=tokenizer, bounds=bounds)
    from stages.engines.qwen_vl_random import random_model
    from stages.engines.qwen_vl_transformers import TransformersVL, device_of, load_model

    if engine.model == RANDOM:
        model = random_model(tokenizer).to(device_of(engine.device))
    else:
        model = load_model(engine._folder(), engine.device)
    return TransformersVL(
        model=model, tokenizer=tokenizer, bounds=bounds, batch_tokens=engine.batch_tokens
    )
