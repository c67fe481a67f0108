"""An independent way from turns and pictures to log-probabilities: transformers alone, one text at
a time, without cache, padding or batches; the template is written out here."""

import shutil
from functools import cache

import numpy as np
import torch
from transformers import PreTrainedTokenizerFast
from transformers.models.qwen2_vl import Qwen2VLImageProcessorPil

from stages.engines.qwen_vl_random import random_model
from stages.tokenizer import TINY_FOLDER, load_tokenizer

PLACE = "<|vision_start|><|image_pad|><|vision_end|>"
PIXELS = {"min_pixels": 56 * 56, "max_pixels": 1280 * 28 * 28}


def save(folder):
    """Write a random model with the tiny tokenizer, as from_pretrained wants them."""
    random_model(load_tokenizer("tiny")).save_pretrained(folder)
    for file in TINY_FOLDER.iterdir():
        shutil.copy(file, folder)
    return folder


@cache
def tokenizer():
    return PreTrainedTokenizerFast(tokenizer_file=str(TINY_FOLDER / "tokenizer.json"))


def turn(role, text):
    return f"<|im_start|>{role}\n{text}<|im_end|>\n"


def asked(text, system="You are a helpful assistant."):
    """Return the prompt of one user's turn; `PLACE` stands for a picture."""
    return turn("system", system) + turn("user", text) + "<|im_start|>assistant\n"


def inputs(model, ids, pictures):
    """Return what the model takes, each pad token as often as its picture has tokens."""
    pad, made = model.config.image_token_id, {}
    if pictures:
        made = dict(Qwen2VLImageProcessorPil(**PIXELS)(images=pictures, return_tensors="pt"))
    grids = iter(made.get("image_grid_thw", ()))
    wide = [(id_, int(next(grids).prod()) // 4 if id_ == pad else 1) for id_ in ids]
    row = torch.tensor([[id_ for id_, times in wide for _ in range(times)]])
    return {"input_ids": row, "mm_token_type_ids": (row == pad).int(), **made}


def encode(text):
    return tokenizer().encode(text, add_special_tokens=False)


def logits(model, ids, pictures):
    with torch.no_grad():
        return model(**inputs(model, ids, pictures)).logits[0]


def log_probability(model, prompt, ending, pictures):
    """Return the log-probability of an answer's beginning."""
    ids = encode(ending)
    rows = logits(model, encode(prompt) + ids, pictures).log_softmax(-1)
    return float(sum(rows[at - len(ids) - 1, id_] for at, id_ in enumerate(ids)))


def greedy(model, prompt, pictures, tokens):
    """Return the likeliest answer and why it ends, by a whole forward pass for each token."""
    begin = encode(prompt)
    ids = list(begin)
    for _ in range(tokens):
        ids.append(int(logits(model, ids, pictures)[-1].argmax()))
        if tokenizer().decode([ids[-1]]) in ("<|im_end|>", "<|endoftext|>"):
            return tokenizer().decode(ids[len(begin) : -1], skip_special_tokens=True), "stop"
    return tokenizer().decode(ids[len(begin) :], skip_special_tokens=True), "length"


def picture(seed, height=84, width=112):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
