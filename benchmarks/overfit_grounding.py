"""Positions, labels and coordinates are right only if this works: boxes learnt by heart.

    python -m benchmarks.overfit_grounding [--samples 32] [--steps 400] [--out FOLDER]

The recipe of drawn pictures mills grounding samples into shards; a fresh model of the tiny shape
is trained on nothing else until it knows their boxes, which are bound to the size that the model
sees and written as text. Told are overlap and Acc@0.5 in pixels of the original pictures, and
whether transformers' `generate` writes the same answers with the exported weights.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from stages.chat import IM_END
from stages.tokenizer import Tokenizer, load_tokenizer
from trainer.assemble import Assembly
from trainer.config import TrainConfig
from trainer.counts import read_counts
from trainer.evaluate import Question, answers_of, judge, read_questions
from trainer.launch import launch
from trainer.loop import stamp_of
from trainer.pixels import normalise, picture_patches
from trainer.weights import load_model

MAX_PIXELS = 168 * 168
MAX_NEW_TOKENS = 500


def milled(folder: Path, samples: int) -> None:
    """Run the recipe as a user does."""
    settings = {
        "source.samples": samples,
        "source.kinds": "[grounding]",
        "steps.tokenize_sample.max_pixels": MAX_PIXELS,
    }
    told = [part for name, value in settings.items() for part in ("--set", f"{name}={value}")]
    quern = Path(sys.executable).with_name("quern")
    recipe = "pipelines/recipes/renders.yaml"
    command = [str(quern), "run", recipe, "--tiny", *told, "--out", str(folder)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def config_of(steps: int) -> TrainConfig:
    return TrainConfig(
        name="overfit_grounding",
        shape="tiny",
        processor="tiny",
        max_pixels=MAX_PIXELS,
        pack_tokens=1024,
        step_packs=1,
        steps=steps,
        vision_rate=1e-3,
        merger_rate=1e-3,
        language_rate=1e-3,
        warmup_steps=20,
        betas=(0.9, 0.98),
        weight_decay=0.0,
        precision="fp32",
        workers=1,
    )


def by_transformers(
    folder: Path, question: Question, assembly: Assembly, tokenizer: Tokenizer
) -> str:
    """Return the answer that transformers' model gives, token by token."""
    prompt = question.prompt
    model: Any = _theirs(folder)
    patches = [
        picture_patches(image, grid, assembly.stamp)
        for image, grid in zip(prompt.images, prompt.grids, strict=True)
    ]
    stacked = np.concatenate(patches)
    ids = torch.from_numpy(prompt.input_ids.astype(np.int64))[None]
    out = model.generate(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        mm_token_type_ids=(ids == assembly.image_pad).long(),
        pixel_values=torch.from_numpy(normalise(stacked, np.arange(len(stacked) // 4))),
        image_grid_thw=torch.tensor(prompt.grids),
        do_sample=False,
        max_new_tokens=MAX_NEW_TOKENS,
        eos_token_id=tokenizer.control[IM_END],
        pad_token_id=assembly.padding,
    )
    answer = out[0, ids.shape[1] :].tolist()
    text: str = tokenizer.model.decode(
        [each for each in answer if each != tokenizer.control[IM_END]]
    )
    return text


_CACHE: dict[Path, Any] = {}


def _theirs(folder: Path) -> Any:
    if folder not in _CACHE:
        from transformers import Qwen2_5_VLForConditionalGeneration

        model = Qwen2_5_VLForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)
        _CACHE[folder] = model.eval()
    return _CACHE[folder]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=32)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--out", type=Path, default=Path(tempfile.gettempdir()) / "overfit")
    options = parser.parse_args()
    run, config = options.out / "run", config_of(options.steps)
    milled(run, options.samples)
    began = time.perf_counter(), time.process_time()
    weights = launch(config, str(run), options.out / "train")
    spent = time.perf_counter() - began[0], time.process_time() - began[1]

    tokenizer = load_tokenizer("tiny")
    stamp = stamp_of(config, tokenizer)
    assembly = Assembly.of(tokenizer.control, pack_tokens=config.pack_tokens, stamp=stamp)
    questions = read_questions(
        read_counts(run / "shards", stamp), assembly, tokenizer, options.samples
    )
    model = load_model(weights)
    ours = answers_of(model, questions, assembly, tokenizer, MAX_NEW_TOKENS)
    theirs = [by_transformers(weights, each, assembly, tokenizer) for each in questions]
    scores = [judge(*each) for each in zip(questions, ours, strict=True)]
    boxes = sum(len(each.boxes) for each in questions)
    print(f"{len(questions)} samples with {boxes} boxes, {options.steps} steps")
    print(f"trained in {spent[0]:.0f} s, {spent[1]:.0f} s of CPU in the training process")
    for name in ("iou", "acc@0.5"):
        print(f"{name} {np.mean([each[name] for each in scores]):.4f}")
    exact = np.mean([a == q.answer for a, q in zip(ours, questions, strict=True)])
    same = sum(a == b for a, b in zip(ours, theirs, strict=True))
    print(f"answers letter for letter {exact:.4f}")
    print(f"transformers' generate gives the same answer to {same} of {len(questions)}")


if __name__ == "__main__":
    main()
