"""Train the tiny CLIP: open_clip's own model code, on pictures that Quern draws.

    quern run pipelines/recipes/renders.yaml --tiny --out runs/renders
    quern run pipelines/recipes/renders.yaml --tiny --out runs/spoilt --set source.seed=2 \\
        --set source.samples=8000 --set source.kinds=[caption] --set source.spoilt_share=0.5
    quern run pipelines/recipes/renders.yaml --tiny --out runs/held_out --set source.seed=1 \\
        --set source.samples=3072
    OMP_NUM_THREADS=1 python -m stages.engines.train_tiny_clip \\
        --read runs/renders/shards runs/spoilt/shards --held-out runs/held_out/shards

writes `weights/tiny_clip/`: a folder that open_clip opens as `local-dir:`, with what was measured
on the held-out pictures in `numbers.json`. The same shards, seed and threads give the same model.

Source: Radford et al. 2021, arXiv:2103.00020 (contrastive training; the ResNet with attention
pooling); van den Oord et al. 2018, arXiv:1807.03748 (what logits grow towards). Pictures of a
batch that a text holds of are all right answers to it.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final

import numpy as np

from stages.elements import Ints, Mask
from stages.engines.clip import CONFIG, TINY_FOLDER, Clip
from stages.engines.figures import recall_at, roc_auc
from stages.engines.rendered import Rendered, read_rendered
from stages.engines.tiny_clip_texts import Writer, other_words, told_texts
from stages.engines.tiny_clip_words import train_words, write_words
from stages.engines.training_prose import plain
from stages.engines.training_texts import example_texts
from stages.pictures import Pixels

SIDE_PX: Final = 64
CONTEXT: Final = 64
MODEL: Final[dict[str, Any]] = {
    "embed_dim": 192,
    "vision_cfg": {"image_size": SIDE_PX, "layers": [1, 1, 1, 1], "width": 16, "head_width": 32},
    "text_cfg": {
        "context_length": CONTEXT,
        "vocab_size": 2048,
        "width": 128,
        "heads": 4,
        "layers": 3,
        "hf_tokenizer_name": "tiny_clip",
    },
}
PREPROCESS: Final[dict[str, Any]] = {
    "mean": [0.8, 0.8, 0.8],
    "std": [0.3, 0.3, 0.3],
    "interpolation": "bicubic",
    "resize_mode": "squash",
}
WARM_UP_STEPS: Final = 100
SHIFT_PX: Final = 3
WEIGHT_DECAY: Final = 0.05
RETRIEVED: Final = 512


@dataclass(frozen=True, kw_only=True)
class Training:
    """How the model is trained.

    Attributes:
        steps: of the optimizer.
        batch_size: pictures with their texts.
        peak_rate: highest learning rate, reached after the warm-up, then falling as a cosine.
        seed: of weights, order, texts and shifts.
    """

    steps: int = 2000
    batch_size: int = 128
    peak_rate: float = 2e-3
    seed: int = 0

    def rate(self, step: int) -> float:
        """Return the learning rate of a step."""
        rising = (step + 1) / WARM_UP_STEPS
        falling = 0.5 * (1 + math.cos(math.pi * min(1.0, step / self.steps)))
        return self.peak_rate * min(rising, falling)


def batches(data: Rendered, training: Training) -> Iterator[Ints]:
    """Yield int64[B] indexes for each step; every second batch has four kinds of drawings only.

    So the model must also tell pictures apart that are alike.
    """
    random = np.random.default_rng(training.seed)
    drawings = np.array(data.drawings)
    of_kind = [np.flatnonzero(drawings == name) for name in sorted(set(data.drawings))]
    for step in range(training.steps):
        among = np.arange(len(data))
        if step % 2:
            chosen = random.choice(len(of_kind), size=min(4, len(of_kind)), replace=False)
            among = np.concatenate([of_kind[number] for number in chosen])
        size = min(training.batch_size, len(among))
        yield random.choice(among, size=size, replace=False)


def shifted(pixels: Pixels, random: np.random.Generator) -> Pixels:
    """Return uint8[B, S, S, 3], each moved by up to 3 px, its edges drawn out."""
    edges = ((0, 0), (SHIFT_PX, SHIFT_PX), (SHIFT_PX, SHIFT_PX), (0, 0))
    wide, side = np.pad(pixels, edges, mode="edge"), pixels.shape[1]
    by = random.integers(0, 2 * SHIFT_PX + 1, size=(len(pixels), 2)).tolist()
    return np.stack(
        [each[y : y + side, x : x + side] for each, (y, x) in zip(wide, by, strict=True)]
    )


def contrast(images: Any, texts: Any, scale: Any, fits: Mask) -> Any:
    """Return the loss: cross entropy both ways.

    The pictures that a text holds of share the right answer. Of a picture only its own text is
    right, so that one which tells more is closer to it than one that brings it up: logits grow
    towards the logarithm of how much likelier a text is with the picture than without.

    Args:
        images: float32[B, D].
        texts: float32[B + P, D].
        scale: what cosines are multiplied by.
        fits: bool[B, B], which pictures a text holds of.
    """
    import torch

    logits = scale * texts @ images.T
    shared = torch.from_numpy(fits).float()
    cross_entropy = torch.nn.functional.cross_entropy
    of_texts = cross_entropy(logits[: len(images)], shared / shared.sum(dim=1, keepdim=True))
    of_images = cross_entropy(logits.T, torch.arange(len(images)))
    return (of_texts + of_images) / 2


def train(
    data: Rendered,
    training: Training,
    tokenize: Callable[[Sequence[str]], Any],
    note: Callable[[str], None],
) -> Any:
    """Return the trained model; `note` is told how it goes."""
    import open_clip
    import torch

    torch.manual_seed(training.seed)
    model = open_clip.CustomTextCLIP(**MODEL).to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.AdamW(_groups(model), betas=(0.9, 0.98), fused=True)
    writer = Writer(data=data, words=other_words(data))
    random, moves = Random(training.seed), np.random.default_rng([training.seed, 1])
    seen, since = 0.0, time.perf_counter()
    for step, at in enumerate(batches(data, training)):
        for group in optimizer.param_groups:
            group["lr"] = training.rate(step)
        words = writer.texts_for(at, random)
        images = model.encode_image(_normalised(shifted(data.pixels[at], moves)), normalize=True)
        texts = _encode_texts(model, tokenize(words.texts))
        loss = contrast(images, texts, model.logit_scale.exp(), words.fits)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        with torch.no_grad():
            model.logit_scale.clamp_(0, math.log(100))
        seen += loss.item()
        if (step + 1) % 100 == 0:
            note(f"step {step + 1}: loss {seen / 100:.3f}, {time.perf_counter() - since:.0f} s")
            seen = 0.0
    return model.eval()


def _groups(model: Any) -> list[dict[str, Any]]:
    """Return the parameters, those of matrices with weight decay."""
    named = list(model.parameters())
    return [
        {"params": [each for each in named if each.ndim > 1], "weight_decay": WEIGHT_DECAY},
        {"params": [each for each in named if each.ndim <= 1], "weight_decay": 0.0},
    ]


def _normalised(pixels: Pixels) -> Any:
    import torch

    batch = torch.from_numpy(pixels).permute(0, 3, 1, 2).float().div_(255)
    return batch.sub_(PREPROCESS["mean"][0]).div_(PREPROCESS["std"][0])


def _encode_texts(model: Any, tokens: Any) -> Any:
    """Return the vectors of texts, computed no further than the longest goes."""
    length, mask = int(tokens.argmax(dim=-1).max()) + 1, model.text.attn_mask
    model.text.attn_mask = mask[:length, :length]
    vectors = model.encode_text(tokens[:, :length], normalize=True)
    model.text.attn_mask = mask
    return vectors


def measure(clip: Clip, held_out: Rendered) -> dict[str, float]:
    """Return what the model does on pictures it never saw, captions that occur once."""
    model = clip.load()
    once = [at for at, text in enumerate(held_out.captions) if held_out.captions.count(text) == 1]
    images = model.embed_images(list(held_out.pixels[once]))
    texts = model.embed_texts([held_out.captions[at] for at in once])
    similarity = images @ texts.T
    drawings = np.array(held_out.drawings)[once]
    alike = drawings[:, None] == drawings[None, :]
    off = ~np.eye(len(once), dtype=np.bool_)
    some = similarity[:RETRIEVED, :RETRIEVED]
    matched = np.diagonal(similarity)
    return {
        "pictures": len(once),
        "auc": roc_auc(matched, similarity[off]),
        "auc_same_drawing": roc_auc(matched, similarity[off & alike]),
        "retrieved_among": len(some),
        **{f"text_recall_at_{k}": recall_at(some, k) for k in (1, 5)},
        **{f"image_recall_at_{k}": recall_at(some.T, k) for k in (1, 5)},
        "cosine_matched": float(matched.mean()),
        "cosine_mismatched": float(similarity[off].mean()),
    }


def _vocabulary(data: Rendered, training: Training) -> Iterator[str]:
    """Yield the texts that the tokenizer is learnt from."""
    random = Random(training.seed)
    yield from told_texts(data)
    yield from (plain(random) for _ in data.captions)
    yield from example_texts()


def write_model(folder: Path, model: Any) -> None:
    """Write weights (float16) and configuration as open_clip reads them."""
    import torch
    from safetensors.torch import save_file

    halves = {
        name: tensor.half() if tensor.is_floating_point() else tensor
        for name, tensor in model.state_dict().items()
        if not name.endswith("attn_mask")
    }
    save_file(
        {n: t.contiguous() for n, t in halves.items()}, folder / "open_clip_model.safetensors"
    )
    config = {"model_cfg": {**MODEL, "custom_text": True}, "preprocess_cfg": PREPROCESS}
    (folder / CONFIG).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    assert torch.isfinite(torch.cat([t.float().ravel() for t in halves.values()])).all()


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, measure and write a model, as the command says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--read", nargs="+", required=True)
    parser.add_argument("--held-out", nargs="+", required=True)
    parser.add_argument("--out", type=Path, default=TINY_FOLDER)
    parser.add_argument("--steps", type=int, default=Training.steps)
    parser.add_argument("--seed", type=int, default=Training.seed)
    options = parser.parse_args(arguments)
    training = Training(steps=options.steps, seed=options.seed)
    data = read_rendered(options.read, SIDE_PX)
    print(f"{len(data):,} pictures to learn from", flush=True)
    options.out.mkdir(parents=True, exist_ok=True)
    entries = MODEL["text_cfg"]["vocab_size"]
    write_words(train_words(_vocabulary(data, training), entries), options.out, CONTEXT)
    (options.out / CONFIG).write_text(json.dumps({"model_cfg": MODEL}), encoding="utf-8")
    import open_clip

    tokenize = open_clip.get_tokenizer(f"local-dir:{options.out}")
    began = time.process_time()
    model = train(data, training, tokenize, lambda text: print(text, flush=True))
    cpu_minutes = (time.process_time() - began) / 60
    write_model(options.out, model)
    numbers = {
        "seed": training.seed,
        "steps": training.steps,
        "trained_on": len(data),
        "cpu_minutes": round(cpu_minutes, 1),
        "parameters": sum(each.numel() for each in model.parameters()),
        "held_out": measure(
            Clip(model=str(options.out), pretrained=""), read_rendered(options.held_out, SIDE_PX)
        ),
    }
    (options.out / "numbers.json").write_text(
        json.dumps(numbers, indent=2) + "\n", encoding="utf-8"
    )
    print(json.dumps(numbers, indent=2))


if __name__ == "__main__":
    main()
