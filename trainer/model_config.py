"""The shape of a Qwen2.5-VL model, read from and written as the released `config.json`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from stages.errors import NotReadyError
from stages.files import write_bytes
from stages.geometry import MERGE, PATCH_PX, TEMPORAL
from trainer.windows import WINDOW_TOKENS

SHAPES: Final = Path(__file__).parent / "shapes"
"""Holds the `config.json` of the released 3B, 7B and 72B models and of our tiny one."""

CHANNELS: Final = 3

_VISION: Final = {
    "width": "hidden_size",
    "depth": "depth",
    "heads": "num_heads",
    "inner": "intermediate_size",
    "full_blocks": "fullatt_block_indexes",
    "tokens_per_second": "tokens_per_second",
}
_LANGUAGE: Final = {
    "width": "hidden_size",
    "depth": "num_hidden_layers",
    "heads": "num_attention_heads",
    "kv_heads": "num_key_value_heads",
    "inner": "intermediate_size",
    "vocabulary": "vocab_size",
    "norm_eps": "rms_norm_eps",
    "max_positions": "max_position_embeddings",
    "theta": "rope_theta",
}
_TOKENS: Final = {
    "image": "image_token_id",
    "video": "video_token_id",
    "vision_start": "vision_start_token_id",
    "vision_end": "vision_end_token_id",
    "begin": "bos_token_id",
    "end": "eos_token_id",
}
_FIXED: Final = {
    "hidden_act": "silu",
    "patch_size": PATCH_PX,
    "spatial_merge_size": MERGE,
    "temporal_patch_size": TEMPORAL,
    "window_size": PATCH_PX * MERGE * WINDOW_TOKENS,
}
"""What Qwen2.5-VL's vision encoder always is, by the names of `config.json`."""


@dataclass(frozen=True, kw_only=True)
class VisionConfig:
    """The shape of the vision encoder.

    Attributes:
        width: values of each patch between blocks.
        depth: blocks.
        heads: of attention.
        inner: width inside the feed-forward layers.
        full_blocks: blocks whose patches see their whole frame, not their window alone.
        tokens_per_second: steps of the time axis of positions in a second of video.
    """

    width: int
    depth: int
    heads: int
    inner: int
    full_blocks: tuple[int, ...]
    tokens_per_second: float = 2

    def __post_init__(self) -> None:
        if self.width % (4 * self.heads):
            raise ValueError(f"{self.heads=} must divide {self.width=} into multiples of 4")
        if wrong := [index for index in self.full_blocks if not 0 <= index < self.depth]:
            raise ValueError(f"{self.full_blocks=} names {wrong}, but there are {self.depth=}")

    @property
    def head_width(self) -> int:
        """Values of a head."""
        return self.width // self.heads

    @property
    def patch_values(self) -> int:
        """Values of a patch: two frames of 14 x 14 pixels in three colours."""
        return CHANNELS * TEMPORAL * PATCH_PX**2

    @property
    def merge(self) -> int:
        """Patches along each side of a token."""
        return MERGE


@dataclass(frozen=True, kw_only=True)
class LanguageConfig:
    """The shape of the language model.

    Attributes:
        width: values of each token between layers.
        depth: layers.
        heads: of queries.
        kv_heads: of keys and values, each shared by neighbouring heads of queries.
        inner: width inside the feed-forward layers.
        vocabulary: rows of the embedding.
        sections: pairs of channels of a head that count time, height and width.
        norm_eps: added to the mean square in norms.
        max_positions: positions that the model is made for.
        theta: base of the rotary embedding's wavelengths.
    """

    width: int
    depth: int
    heads: int
    kv_heads: int
    inner: int
    vocabulary: int
    sections: tuple[int, ...] = (16, 24, 24)
    norm_eps: float = 1e-6
    max_positions: int = 128_000
    theta: float = 1e6

    def __post_init__(self) -> None:
        if self.width % self.heads or self.heads % self.kv_heads:
            raise ValueError(f"{self.kv_heads=} must divide {self.heads=}, that {self.width=}")
        if len(self.sections) != 3 or 2 * sum(self.sections) != self.head_width:
            raise ValueError(
                f"{self.sections=} must be three numbers that sum to half of {self.head_width=}"
            )

    @property
    def head_width(self) -> int:
        """Values of a head."""
        return self.width // self.heads


@dataclass(frozen=True, kw_only=True)
class TokenIds:
    """Ids of the control tokens; the defaults are those of Qwen2's tokenizer."""

    image: int = 151_655
    video: int = 151_656
    vision_start: int = 151_652
    vision_end: int = 151_653
    begin: int = 151_643
    end: int = 151_645


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """The shape of a whole model.

    Attributes:
        vision: of the encoder.
        language: of the decoder.
        tokens: ids of control tokens.
        tied: whether the head is the embedding's own matrix.
        init_std: standard deviation of fresh weights.
    """

    vision: VisionConfig
    language: LanguageConfig
    tokens: TokenIds = field(default_factory=TokenIds)
    tied: bool = False
    init_std: float = 0.02

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Return the configuration that `config.json` says, as released or by transformers 5.

        Raises:
            KeyError: when a value is missing.
            ValueError: when a value asks for another architecture than Qwen2.5-VL's.
        """
        vision, language = values["vision_config"], {**values, **values.get("text_config", {})}
        rope = language.get("rope_parameters") or language.get("rope_scaling") or {}
        _check(language, vision, rope)
        tied = values.get("tie_word_embeddings", language.get("tie_word_embeddings", False))
        return cls(
            vision=VisionConfig(
                **_taken(_VISION, vision) | {"full_blocks": tuple(vision["fullatt_block_indexes"])}
            ),
            language=LanguageConfig(
                **_taken(_LANGUAGE, {**language, **rope}), sections=tuple(rope["mrope_section"])
            ),
            tokens=TokenIds(**_taken(_TOKENS, language)),
            tied=bool(tied),
            init_std=language.get("initializer_range", 0.02),
        )

    def to_json(self) -> dict[str, Any]:
        """Return `config.json` in the layout of the released models."""
        language, vision = asdict(self.language), asdict(self.vision)
        return {
            "architectures": ["Qwen2_5_VLForConditionalGeneration"],
            "model_type": "qwen2_5_vl",
            "hidden_act": "silu",
            "initializer_range": self.init_std,
            "tie_word_embeddings": self.tied,
            "torch_dtype": "bfloat16",
            "use_sliding_window": False,
            **_given(_LANGUAGE, language),
            "rope_scaling": {"type": "mrope", "mrope_section": list(self.language.sections)},
            **_given(_TOKENS, asdict(self.tokens)),
            "vision_config": {
                "model_type": "qwen2_5_vl",
                "in_chans": CHANNELS,
                "out_hidden_size": self.language.width,
                **_FIXED,
                **_given(_VISION, vision | {"full_blocks": list(self.vision.full_blocks)}),
            },
        }


def _taken(names: Mapping[str, str], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options found in the file."""
    return {option: values[name] for option, name in names.items() if name in values}


def _given(names: Mapping[str, str], options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: options[option] for option, name in names.items()}


def _check(language: Mapping[str, Any], vision: Mapping[str, Any], rope: Mapping[str, Any]) -> None:
    """Refuse what would be computed differently from what the file says."""
    for name, wanted in _FIXED.items():
        if vision.get(name, wanted) != wanted:
            raise ValueError(f"vision_config.{name} is {vision[name]!r}, Qwen2.5-VL's is {wanted}")
    if vision.get("out_hidden_size", language["hidden_size"]) != language["hidden_size"]:
        raise ValueError(
            f"vision_config.out_hidden_size is {vision['out_hidden_size']}, but the language model"
            f" is {language['hidden_size']} wide"
        )
    if language.get("use_sliding_window"):
        raise ValueError("use_sliding_window is true; Qwen2.5-VL's layers see whole documents")
    kind = rope.get("rope_type", rope.get("type"))
    if kind not in ("mrope", "default"):
        raise ValueError(f"the rotary embedding is of type {kind!r}; Qwen2.5-VL's is 'mrope'")


def read_config(path: Path) -> ModelConfig:
    """Return the configuration in a file, or in `config.json` of a folder.

    Raises:
        NotReadyError: when it is missing or not of a Qwen2.5-VL model.
    """
    file = path / "config.json" if path.is_dir() else path
    try:
        return ModelConfig.from_json(json.loads(file.read_text()))
    except OSError as error:
        raise NotReadyError(
            f"{file} is missing; name the folder of a Qwen2.5-VL model ({error.strerror})"
        ) from error
    except (KeyError, TypeError, ValueError) as error:
        raise NotReadyError(
            f"{file} is no configuration of a Qwen2.5-VL model: {type(error).__name__} {error}"
        ) from error


def write_config(config: ModelConfig, folder: Path) -> None:
    """Write `config.json` into a folder.

    Raises:
        StorageError: when it cannot be written.
    """
    text = json.dumps(config.to_json(), indent=2) + "\n"
    write_bytes(folder / "config.json", text.encode())
