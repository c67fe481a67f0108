"""Text to token ids with a Qwen2 tokenizer read from a folder, the hub's cache, or our tiny one.

Control tokens (`<|im_end|>`, `<|image_pad|>`, ...) are never made from text: where a page or a
user writes one, it is encoded as the ordinary characters it consists of. Tokens that the
tokenizer itself does not flag as special, such as `<tool_call>`, are ordinary vocabulary.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import tokenizers
from tokenizers import AddedToken, decoders, models, normalizers, pre_tokenizers

from stages.chat import CONTROL
from stages.errors import MissingWeightsError
from stages.geometry import MAX_PIXELS, MIN_PIXELS

TINY: Final = "tiny"
TINY_FOLDER: Final = Path(__file__).parent / "engines" / "weights" / "tiny_tokenizer"

WORDS: Final = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""How Qwen2 cuts text before byte-level BPE: words, single digits, punctuation, spaces."""


@dataclass(frozen=True, kw_only=True)
class Tokenizer:
    """A tokenizer and what its model's image processor allows.

    Attributes:
        name: what it was asked for by.
        control: ids of the control tokens that Quern places.
        fingerprint: sha256 of every token and id that a shard can hold.
        min_pixels: fewest pixels of a picture as the model sees it.
        max_pixels: most pixels of a picture as the model sees it.
        model: the loaded tokenizer, which takes special tokens in text for plain text.
    """

    name: str
    control: dict[str, int]
    fingerprint: str
    min_pixels: int
    max_pixels: int
    model: tokenizers.Tokenizer

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the token ids of each text, without any control token."""
        encodings = self.model.encode_batch_fast(list(texts), add_special_tokens=False)
        return [encoding.ids for encoding in encodings]


@lru_cache(maxsize=4)
def load_tokenizer(name: str) -> Tokenizer:
    """Return the tokenizer of a folder, of "tiny" or of a hub name, loaded once per process.

    A folder holds `tokenizer.json`, or `vocab.json`, `merges.txt` and `tokenizer_config.json`;
    the pixel bounds come from its `preprocessor_config.json`, or are Qwen2.5-VL's.

    Raises:
        MissingWeightsError: when the files are not on this machine, or are not of a Qwen2-VL
            tokenizer.
    """
    # A worker has one core: the library's own threads would only crowd the other workers.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    folder = _folder(name)
    model = _read_model(name, folder)
    model.encode_special_tokens = True
    ids = {token: model.token_to_id(token) for token in CONTROL}
    control = {token: id_ for token, id_ in ids.items() if id_ is not None}
    if absent := [token for token in CONTROL if token not in control]:
        raise MissingWeightsError(
            f"tokenizer {name!r} in {folder} has no token {absent[0]}; use one of a Qwen2-VL, "
            f"Qwen2.5-VL or Qwen3-VL model"
        )
    min_pixels, max_pixels = _pixel_bounds(folder)
    return Tokenizer(
        name=name,
        control=control,
        fingerprint=_fingerprint(model, control),
        min_pixels=min_pixels,
        max_pixels=max_pixels,
        model=model,
    )


def _folder(name: str) -> Path:
    if name == TINY:
        return TINY_FOLDER
    if Path(name).is_dir():
        return Path(name)
    return _hub_folder(name)


def _hub_folder(name: str) -> Path:
    """Return the folder of a hub name in the local cache; nothing is fetched in a worker."""
    from huggingface_hub import try_to_load_from_cache  # 0.3 s that a folder does not need
    from huggingface_hub.errors import HFValidationError

    files = ("preprocessor_config.json", "tokenizer.json")
    try:
        found = [try_to_load_from_cache(name, file) for file in files]
    except HFValidationError as error:
        raise MissingWeightsError(
            f"tokenizer {name!r} is neither a folder nor a hub name ({error})"
        ) from error
    for file, path in zip(files, found, strict=True):
        if not isinstance(path, str):
            raise MissingWeightsError(
                f"tokenizer {name!r}: {file} is not on this machine; fetch it with "
                f"`hf download {name} {' '.join(files)}`, or name a folder that holds it"
            )
    return Path(str(found[0])).parent


def _read_model(name: str, folder: Path) -> tokenizers.Tokenizer:
    if (folder / "tokenizer.json").is_file():
        model = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
        model.no_truncation()
        model.no_padding()
        return model
    files = [folder / file for file in ("vocab.json", "merges.txt", "tokenizer_config.json")]
    if absent := [file.name for file in files if not file.is_file()]:
        raise MissingWeightsError(
            f"tokenizer {name!r}: {folder} holds neither tokenizer.json nor {absent[0]}"
        )
    vocab, merges, config = files
    model = tokenizers.Tokenizer(models.BPE.from_file(str(vocab), str(merges)))
    model.normalizer = normalizers.NFC()
    model.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(tokenizers.Regex(WORDS), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    model.decoder = decoders.ByteLevel()
    _add_tokens(model, json.loads(config.read_text()).get("added_tokens_decoder", {}), config)
    return model


def _add_tokens(model: tokenizers.Tokenizer, added: dict[str, Any], config: Path) -> None:
    for id_, token in sorted(added.items(), key=lambda item: int(item[0])):
        model.add_tokens([AddedToken(token.pop("content"), **token)])
        if model.get_vocab_size() != int(id_) + 1:
            raise MissingWeightsError(
                f"{config} gives an added token the id {id_}, but vocab.json ends before "
                f"{model.get_vocab_size() - 1}: the files are not of one tokenizer"
            )


def _pixel_bounds(folder: Path) -> tuple[int, int]:
    path = folder / "preprocessor_config.json"
    config = json.loads(path.read_text()) if path.is_file() else {}
    size = config.get("size") or {}  # where newer versions of transformers keep the bounds
    return (
        config.get("min_pixels") or size.get("shortest_edge") or MIN_PIXELS,
        config.get("max_pixels") or size.get("longest_edge") or MAX_PIXELS,
    )


def _fingerprint(model: tokenizers.Tokenizer, control: dict[str, int]) -> str:
    """Hash what a shard can hold: special tokens that are never placed make no difference."""
    vocabulary = model.get_vocab(with_added_tokens=False) | control
    for id_, token in model.get_added_tokens_decoder().items():
        if not token.special:
            vocabulary[token.content] = id_
    ordered = sorted(vocabulary.items(), key=lambda item: item[1])
    return hashlib.sha256(json.dumps(ordered).encode()).hexdigest()
