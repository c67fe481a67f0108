"""What a training is told: a preset, and what the command line changes in it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final, Literal

import yaml

from stages.errors import RecipeError
from stages.options import coerce, option_types
from stages.yaml_file import read_yaml
from trainer.lora import Lora
from trainer.plan import Packing, Share

PRESETS: Final = Path(__file__).parent / "presets"


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """A training.

    Attributes:
        name: what it is called.
        shape: "tiny", "3b", "7b" or "72b"; weights that are given bring their own.
        weights: folder of weights to begin with, Hugging Face's layout; "": fresh ones.
        processor: folder or hub name of the tokenizer the shards were made with, or "tiny".
        min_pixels: fewest pixels of a picture in the shards; 0: the processor's own.
        max_pixels: most pixels of a picture in the shards; 0: the processor's own.
        objective: "next_token", or "dpo" on shards with chosen and rejected answers.
        dpo_beta: how much the policy may leave the reference; for "dpo" alone.
        pack_tokens: length of a pack.
        step_packs: packs in an optimizer step, over all ranks and accumulation.
        steps: optimizer steps.
        shares: how often an epoch sees the rows of some datasets and kinds; others once.
        over_long: rows longer than a pack: "refuse" to begin, or "drop" them.
        vision_rate: highest learning rate of the vision encoder; 0 freezes it.
        merger_rate: the same of the merger.
        language_rate: the same of language model and head.
        schedule: "cosine" or "wsd"; see `optim.rate_share`.
        warmup_steps: steps in which rates rise.
        decay_steps: steps in which rates fall at the end; for "wsd" alone.
        last_rate_share: share of the highest rate that the last step has.
        weight_decay: of matrices; norms and biases do not decay.
        betas: of AdamW.
        clip_norm: largest norm of the gradients; 0: unclipped.
        precision: "bf16" computes in bfloat16 on master weights in float32; "fp32".
        recompute_vision: compute the encoder's blocks again in the backward pass, to save memory.
        recompute_language: the same of the decoder's layers.
        compile: compile every block.
        lora: train low-rank additions to the matrices of parts with a rate, nothing else.
        held_out_share: share of rows that is kept from training and evaluated on.
        evaluate_packs: packs of held-out rows, over all ranks, that are evaluated on.
        evaluate_questions: held-out rows whose questions every rank answers, to be judged by kind.
        evaluate_every: steps between evaluations; 0: none but at the end.
        checkpoint_every: steps between checkpoints; 0: none but at the end.
        keep_checkpoints: newest checkpoints that stay.
        log_every: steps between lines of the log.
        workers: processes of each rank that make packs.
        max_bad_rows: rows of each rank that may be left out before the training stops.
        seed: of fresh weights, of the order of rows and of what is held out.
    """

    name: str
    shape: Literal["tiny", "3b", "7b", "72b"] = "7b"
    weights: str = ""
    processor: str = "Qwen/Qwen2.5-VL-7B-Instruct"
    min_pixels: int = 0
    max_pixels: int = 0
    objective: Literal["next_token", "dpo"] = "next_token"
    dpo_beta: float = 0.1
    pack_tokens: int = 8192
    step_packs: int = 64
    steps: int = 1000
    shares: tuple[Share, ...] = ()
    over_long: Literal["refuse", "drop"] = "refuse"
    vision_rate: float = 0.0
    merger_rate: float = 0.0
    language_rate: float = 0.0
    schedule: Literal["cosine", "wsd"] = "cosine"
    warmup_steps: int = 0
    decay_steps: int = 0
    last_rate_share: float = 0.1
    weight_decay: float = 0.1
    betas: tuple[float, float] = (0.9, 0.95)
    clip_norm: float = 1.0
    precision: Literal["bf16", "fp32"] = "bf16"
    recompute_vision: bool = False
    recompute_language: bool = False
    compile: bool = False
    lora: Lora | None = None
    held_out_share: float = 0.0
    evaluate_packs: int = 8
    evaluate_questions: int = 0
    evaluate_every: int = 0
    checkpoint_every: int = 0
    keep_checkpoints: int = 2
    log_every: int = 10
    workers: int = 2
    max_bad_rows: int = 100
    seed: int = 0

    def __post_init__(self) -> None:
        for name in _AT_LEAST_1:
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in _AT_LEAST_0:
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} must be at least 0, got {getattr(self, name)}")
        for name in ("held_out_share", "last_rate_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must lie in [0, 1], got {getattr(self, name)}")
        if not any(self.rates.values()):
            raise ValueError("every rate is 0, nothing would be trained; give one part a rate")
        if self.warmup_steps + self.decay_steps > self.steps:
            raise ValueError(
                f"warmup_steps {self.warmup_steps} and decay_steps {self.decay_steps} exceed "
                f"steps {self.steps}"
            )

    @property
    def rates(self) -> Mapping[Any, float]:
        """The highest rate of each part."""
        rates = (self.vision_rate, self.merger_rate, self.language_rate)
        return dict(zip(("vision", "merger", "language"), rates, strict=True))

    @property
    def packing(self) -> Packing:
        """How rows become packs and steps."""
        return Packing(
            pack_tokens=self.pack_tokens,
            step_packs=self.step_packs,
            seed=self.seed,
            shares=self.shares,
            over_long=self.over_long,
        )

    def to_json(self) -> str:
        """Return the options as JSON, the same text for equal ones."""
        return json.dumps(asdict(self), indent=1, sort_keys=True)


_AT_LEAST_1: Final = (
    *("pack_tokens", "step_packs", "steps", "log_every", "keep_checkpoints", "evaluate_packs"),
)
_AT_LEAST_0: Final = (
    *("vision_rate", "merger_rate", "language_rate", "warmup_steps", "decay_steps"),
    *("weight_decay", "clip_norm", "evaluate_every", "checkpoint_every", "workers"),
    *("max_bad_rows", "seed", "dpo_beta", "min_pixels", "max_pixels"),
    "evaluate_questions",
)


def load_config(preset: str, *, shape: str = "", settings: Sequence[str] = ()) -> TrainConfig:
    """Return a preset as the command line changes it.

    A preset is a YAML file of the options of `TrainConfig`; under `shapes` it says what is
    different for a shape.

    Args:
        preset: name of a bundled preset, or path of a file.
        shape: "tiny", "3b", "7b" or "72b"; "": the preset's own.
        settings: `option=value`.

    Raises:
        RecipeError: naming every fault.
    """
    path = Path(preset) if preset.endswith((".yaml", ".yml")) else PRESETS / f"{preset}.yaml"
    if not path.is_file():
        names = ", ".join(sorted(each.stem for each in PRESETS.glob("*.yaml")))
        raise RecipeError(preset, [f"no such preset or file; presets are {names}"])
    try:
        content = read_yaml(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise RecipeError(str(path), [f"not valid YAML: {error}"]) from error
    if not isinstance(content, dict):
        raise RecipeError(str(path), ["a preset is a mapping of options"])
    return _built(path.name, dict(content), shape, settings)


def _built(label: str, content: dict[str, Any], shape: str, settings: Sequence[str]) -> TrainConfig:
    faults: list[str] = []
    shapes = content.pop("shapes", None) or {}
    chosen = shape or content.get("shape", "7b")
    values = {**content, "shape": chosen, **shapes.get(chosen, {})}
    for setting in settings:
        name, separator, text = setting.partition("=")
        if separator:
            values[name.strip()] = yaml.safe_load(text)
        else:
            faults.append(f"--set {setting!r} must read option=value")
    types = option_types(TrainConfig)
    options = {}
    for name, value in values.items():
        if name not in types:
            faults.append(f"a training has no {name!r}; it has {', '.join(types)}")
            continue
        try:
            options[name] = coerce(value, types[name])
        except (TypeError, ValueError) as error:
            faults.append(f"{name} {error}")
    if not faults:
        try:
            return TrainConfig(**{"name": label.removesuffix(".yaml"), **options})
        except (TypeError, ValueError) as error:
            faults.append(str(error))
    raise RecipeError(label, faults)


def changed(before: Mapping[str, Any], after: TrainConfig) -> list[str]:
    """Return the options that differ and matter to a training that goes on."""
    free = {"log_every", "workers", "checkpoint_every", "keep_checkpoints", "evaluate_every"}
    now = json.loads(after.to_json())
    names = [each.name for each in fields(TrainConfig) if each.name not in free]
    return [name for name in names if before.get(name) != now[name]]
