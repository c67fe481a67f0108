"""Train the tiny tokenizer: Qwen2.5-VL's rules and special tokens over 4,096 entries.

    python -m stages.engines.train_tiny_tokenizer

reads the texts of the example site and writes `weights/tiny_tokenizer/`, a folder that
`transformers` opens like the one of the real model. The same texts give the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random

from tokenizers import AddedToken, Regex, Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.normalizers import NFC
from tokenizers.pre_tokenizers import ByteLevel, Sequence, Split
from tokenizers.trainers import BpeTrainer

from stages.tokenizer import WORDS

HERE = Path(__file__).parent
FOLDER = HERE / "weights/tiny_tokenizer"
TEXTS = HERE.parents[1] / "examples/pages"
VOCABULARY = 4096

# Qwen2.5-VL-7B-Instruct, tokenizer_config.json, in the order of their ids (151643 and on).
SPECIAL_TOKENS = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|object_ref_start|>",
    "<|object_ref_end|>",
    "<|box_start|>",
    "<|box_end|>",
    "<|quad_start|>",
    "<|quad_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|vision_pad|>",
    "<|image_pad|>",
    "<|video_pad|>",
)

CHAT_TEMPLATE = """\
{%- for message in messages -%}
{%- if loop.first and message.role != 'system' -%}
{{ '<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n' }}
{%- endif -%}
{{ '<|im_start|>' + message.role + '\\n' }}
{%- if message.content is string -%}
{{ message.content }}
{%- else -%}
{%- for part in message.content -%}
{%- if part.type == 'image' -%}
{{ '<|vision_start|><|image_pad|><|vision_end|>' }}
{%- elif part.type == 'video' -%}
{{ '<|vision_start|><|video_pad|><|vision_end|>' }}
{%- else -%}
{{ part.text }}
{%- endif -%}
{%- endfor -%}
{%- endif -%}
{{ '<|im_end|>\\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}
{{ '<|im_start|>assistant\\n' }}
{%- endif -%}
"""
# Qwen2.5-VL-7B-Instruct, preprocessor_config.json.
PREPROCESSOR = {
    "min_pixels": 3136,
    "max_pixels": 12845056,
    "patch_size": 14,
    "temporal_patch_size": 2,
    "merge_size": 2,
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_std": [0.26862954, 0.26130258, 0.27577711],
    "image_processor_type": "Qwen2VLImageProcessor",
    "processor_class": "Qwen2_5_VLProcessor",
}


def grounding_lines(count: int = 400) -> Iterator[str]:
    """Boxes and points in the JSON form in which Qwen2.5-VL answers grounding questions."""
    rng = Random(0)
    for label in rng.choices(
        ["windmill", "tree", "red circle", "button", "table", "sign"], k=count
    ):
        corners = [rng.randrange(2000) for _ in range(4)]
        yield json.dumps([{"bbox_2d": corners, "label": label}])
        yield json.dumps([{"point_2d": corners[:2], "label": label}])


def texts() -> Iterator[str]:
    """What the tokenizer learns from: the pages of the example site, and grounding answers."""
    for page in sorted(TEXTS.rglob("*.md")):
        yield page.read_text(encoding="utf-8")
    yield from grounding_lines()


def train() -> Tokenizer:
    """A byte-level BPE of `VOCABULARY` entries, the special tokens at its end."""
    tokenizer = Tokenizer(BPE())
    tokenizer.normalizer = NFC()
    split = Split(Regex(WORDS), behavior="isolated")
    tokenizer.pre_tokenizer = Sequence([split, ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = ByteLevelDecoder()
    trainer = BpeTrainer(
        vocab_size=VOCABULARY - len(SPECIAL_TOKENS),
        initial_alphabet=sorted(ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts(), trainer)
    tokenizer.add_special_tokens(
        [AddedToken(t, special=True, normalized=False) for t in SPECIAL_TOKENS]
    )
    return tokenizer


def tokenizer_config() -> dict[str, object]:
    """`tokenizer_config.json` in the form of the real model's."""
    return {
        "add_bos_token": False,
        "add_prefix_space": False,
        "additional_special_tokens": list(SPECIAL_TOKENS[1:]),
        "bos_token": None,
        "chat_template": CHAT_TEMPLATE,
        "clean_up_tokenization_spaces": False,
        "eos_token": "<|im_end|>",
        "errors": "replace",
        "model_max_length": 131072,
        "pad_token": "<|endoftext|>",
        "processor_class": "Qwen2_5_VLProcessor",
        "split_special_tokens": False,
        "tokenizer_class": "Qwen2Tokenizer",
        "unk_token": None,
    }


def write(folder: Path = FOLDER) -> Path:
    """Train, and write the three files into `folder`; return it."""
    folder.mkdir(parents=True, exist_ok=True)
    train().save(str(folder / "tokenizer.json"))
    for name, content in (
        ("tokenizer_config.json", tokenizer_config()),
        ("preprocessor_config.json", PREPROCESSOR),
    ):
        (folder / name).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return folder


if __name__ == "__main__":
    print(f"The tokenizer is in {write()}.")
