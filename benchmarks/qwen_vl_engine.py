"""Scoring and answering with a Qwen2.5-VL of random weights, beside bare transformers loops.

    OMP_NUM_THREADS=1 python -m benchmarks.qwen_vl_engine [--rounds 3] [--pictures 12]
        [--shape small|random]

Two kinds of work: judgements (pictures of 448 x 336 px, four questions each, "Yes" against
"No") and gains (the same pictures clear and blurred, a text of some sixty tokens each). The bare
loops know what the engine is given: the same prompts as text, pictures as arrays. "one by one" is
a forward pass for each continuation; "eight at a time" pads eight of them, in the order in which
they come. All run in one process, in turn, in every round; CPU seconds of all threads count.

The shape "small" has a vision encoder of 8 blocks of width 320 and a decoder of 8 layers of width
512; "random" is the engine's own, in which little but overhead is measured.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from stages.engines.qwen_vl_random import random_model
from stages.engines.qwen_vl_transformers import TransformersVL
from stages.engines.vl_request import Blurred, Request, as_seen, user
from stages.tokenizer import TINY_FOLDER, load_tokenizer

BOUNDS = (3136, 1280 * 28 * 28)
QUESTIONS, AT_ONCE = 4, 8
SYSTEM = "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
HEADER = "<|im_start|>assistant\n"
PLACE = "<|vision_start|><|image_pad|><|vision_end|>"
TEXT = (
    "The wheel turns slowly in the stream below the pond, and the stone grinds the corn that "
    "the farmers of the valley bring in the first weeks of autumn, when the water is high."
)
Work = tuple[list[Request], list[list[str]]]
Scores = list[list[float]]


def judgements(count: int) -> Work:
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (336, 448, 3), dtype=np.uint8) for _ in range(count)]
    ask = "Does the picture show this? Sentence {number} of the list.\nAnswer Yes or No."
    requests = [
        Request(messages=[user(0, ask.format(number=number))], pictures=[picture])
        for picture in pictures
        for number in range(QUESTIONS)
    ]
    return requests, [["Yes", "No"] for _ in requests]


def gains(count: int) -> Work:
    requests, _ = judgements(count)
    clear = [request.pictures[0] for request in requests[::QUESTIONS]]
    seen = [*clear, *(Blurred(picture=picture, sigma_share=0.1) for picture in clear)]
    asked = [Request(messages=[user(0, "Write on.")], pictures=[picture]) for picture in seen]
    return asked, [[TEXT] for _ in asked]


def make_model(shape: str) -> Any:
    tokenizer = load_tokenizer("tiny")
    model = random_model(tokenizer)
    if shape == "random":
        return model
    config = model.config
    for name, value in {"depth": 8, "hidden_size": 320, "intermediate_size": 860}.items():
        setattr(config.vision_config, name, value)
    config.vision_config.num_heads, config.vision_config.out_hidden_size = 4, 512
    config.vision_config.fullatt_block_indexes = [3, 7]
    text = {"hidden_size": 512, "intermediate_size": 1376, "num_hidden_layers": 8}
    for name, value in {**text, "num_attention_heads": 8, "num_key_value_heads": 2}.items():
        setattr(config.text_config, name, value)
    config.text_config.layer_types = ["full_attention"] * 8
    config.text_config.rope_parameters["mrope_section"] = [8, 12, 12]
    for part in (config.vision_config, config.text_config):
        part.initializer_range = 0.02
    return type(model)(config).eval()


def bare(model: Any, at_once: int) -> Callable[[Work], Scores]:
    """Return what a person writes with transformers: its processor, tokenizer and forward pass."""
    import torch
    from transformers import PreTrainedTokenizerFast
    from transformers.models.qwen2_vl import Qwen2VLImageProcessorPil

    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(TINY_FOLDER / "tokenizer.json"))
    processor = Qwen2VLImageProcessorPil(min_pixels=BOUNDS[0], max_pixels=BOUNDS[1])
    pad = model.config.image_token_id

    def one_batch(pairs: Sequence[tuple[Request, str]]) -> list[float]:
        pictures = [as_seen(request.pictures[0], *BOUNDS) for request, _ in pairs]
        inputs = processor(images=pictures, return_tensors="pt")
        rows, lengths = [], []
        for (request, text), grid in zip(pairs, inputs["image_grid_thw"], strict=True):
            question = request.messages[0]["parts"][1]["text"]
            turns = (
                f"{SYSTEM}<|im_start|>user\n{PLACE}{question}<|im_end|>\n<|im_start|>assistant\n"
            )
            ids = tokenizer.encode(turns, add_special_tokens=False)
            ending = tokenizer.encode(text, add_special_tokens=False)
            at = ids.index(pad)
            wide = [*ids[:at], *[pad] * (int(grid.prod()) // 4), *ids[at + 1 :], *ending]
            rows.append(wide)
            lengths.append(len(ending))
        longest = max(map(len, rows))
        ids = torch.tensor([[0] * (longest - len(row)) + row for row in rows])
        mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in rows])
        with torch.inference_mode():
            logits = model(
                input_ids=ids,
                attention_mask=mask,
                mm_token_type_ids=(ids == pad).int(),
                **inputs,
            ).logits
        logs = logits[:, :-1].log_softmax(-1).gather(2, ids[:, 1:, None]).squeeze(2)
        return [float(row[-length:].sum()) for row, length in zip(logs, lengths, strict=True)]

    def score(work: Work) -> Scores:
        requests, endings = work
        pairs = [
            (request, text)
            for request, texts in zip(requests, endings, strict=True)
            for text in texts
        ]
        found: list[float] = []
        for start in range(0, len(pairs), at_once):
            found += one_batch(pairs[start : start + at_once])
        flat = iter(found)
        return [[next(flat) for _ in texts] for texts in endings]

    return score


def engine(model: Any) -> Callable[[Work], Scores]:
    loaded = TransformersVL(
        model=model, tokenizer=load_tokenizer("tiny"), bounds=BOUNDS, batch_tokens=16_384
    )
    return lambda work: [each.tolist() for each in loaded.score(*work)]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pictures", type=int, default=12)
    parser.add_argument("--shape", choices=("small", "random"), default="small")
    arguments = parser.parse_args()
    model = make_model(arguments.shape)
    rivals: dict[str, Callable[[Work], Scores]] = {
        "Quern": engine(model),
        "bare, one by one": bare(model, 1),
        "bare, eight at a time": bare(model, AT_ONCE),
    }
    print(f"shape {arguments.shape}, {sum(p.numel() for p in model.parameters()):,} weights")
    for name, make in {"judgements": judgements, "gains": gains}.items():
        work = make(arguments.pictures)
        count = sum(map(len, work[1]))
        times, scores = compare(rivals, work, arguments.rounds)
        base = statistics.median(times["bare, one by one"])
        print(f"{name}: {len(work[0])} requests, {count} continuations")
        for rival, spent in times.items():
            middle = statistics.median(spent)
            away = np.abs(np.array(scores[rival]) - np.array(scores["bare, one by one"])).max()
            each = ", ".join(f"{second:.2f}" for second in spent)
            print(
                f"  {rival:<22} {count / middle:8.1f} / CPU s  x{base / middle:5.2f}  "
                f"off by {away:.1e}  ({each} s)",
                flush=True,
            )


def compare(
    rivals: dict[str, Callable[[Work], Scores]], work: Work, rounds: int
) -> tuple[dict[str, list[float]], dict[str, Scores]]:
    """Return the CPU seconds of each rival in each round, and its scores."""
    times: dict[str, list[float]] = {name: [] for name in rivals}
    scores: dict[str, Scores] = {}
    few = (work[0][:8], work[1][:8])
    for score in rivals.values():
        score(few)
    for _ in range(rounds):
        for name, score in rivals.items():
            start = time.process_time()
            scores[name] = score(work)
            times[name].append(time.process_time() - start)
    return times, scores


if __name__ == "__main__":
    main()
