"""A Qwen2.5-VL of random weights: every path runs for real, what it says means nothing."""

from __future__ import annotations

from typing import Any, Final

from stages.chat import END_OF_TEXT, IM_END, PADS, VISION_END, VISION_START
from stages.tokenizer import Tokenizer

_SEED: Final = 0
_SPREAD: Final = 0.3
"""Standard deviation of the weights; the usual 0.02 would make all tokens equally likely."""


def random_model(tokenizer: Tokenizer) -> Any:
    """Return a Qwen2_5_VLForConditionalGeneration of 0.3 M weights, the same each time.

    Its vision encoder has a block of windows and one of full attention, its decoder two layers.

    Args:
        tokenizer: says how large its vocabulary is and which tokens stand for pictures.
    """
    import torch
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

    control = tokenizer.control
    config = Qwen2_5_VLConfig(
        text_config=_text_config(tokenizer),
        vision_config={
            "depth": 2,
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_heads": 2,
            "out_hidden_size": 32,
            "fullatt_block_indexes": [1],
            "tokens_per_second": 2,
            "initializer_range": _SPREAD,
        },
        image_token_id=control[PADS["image"]],
        video_token_id=control[PADS["video"]],
        vision_start_token_id=control[VISION_START],
        vision_end_token_id=control[VISION_END],
        tie_word_embeddings=True,
    )
    with torch.random.fork_rng([]):
        torch.manual_seed(_SEED)
        model: Any = Qwen2_5_VLForConditionalGeneration(config)
    return model.eval()


def _text_config(tokenizer: Tokenizer) -> dict[str, Any]:
    return {
        "vocab_size": tokenizer.model.get_vocab_size(),
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "initializer_range": _SPREAD,
        "rope_parameters": {"rope_type": "default", "mrope_section": [2, 3, 3]},
        "bos_token_id": tokenizer.control[END_OF_TEXT],
        "eos_token_id": tokenizer.control[IM_END],
    }
