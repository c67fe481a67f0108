"""The CLIP engine beside a bare open_clip loop over the same pictures and texts, in one run.

    python -m benchmarks.clip_engine [--shape ViT-B-32] [--pictures 256] [--texts 512] [--rounds 5]

Weights are random, so that no hub is needed: what is measured is time. The bare loop is the one of
open_clip's README, with batches of the same size: its transform on each picture, `encode_image`,
`encode_text`. Both get the same decoded pictures, and take turns; medians of wall and of CPU
seconds count, since the machine may be shared. On a GPU, where the shape is ViT-L-14 unless named,
the bare loop runs in the same precision, and the share of time is told in which the GPU works:
the time of the model alone, on batches that lie on the GPU, against that of the whole call.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

import numpy as np
import open_clip
import torch
from PIL import Image
from safetensors.torch import save_file

from stages.engines.clip import CONFIG, Clip
from synth.renders.catalogue import draw

SIZES = ((480, 640), (768, 1024), (300, 400))


def random_model(shape: str, folder: Path) -> Path:
    """Write a model of a shape that open_clip knows, with random weights."""
    config = open_clip.get_model_config(shape)
    (folder / CONFIG).write_text(json.dumps({"model_cfg": config, "preprocess_cfg": {}}))
    torch.manual_seed(0)
    weights = open_clip.create_model(shape).state_dict()
    save_file(
        {k: v.contiguous() for k, v in weights.items()}, folder / "open_clip_model.safetensors"
    )
    return folder


def pictures(count: int) -> list[np.ndarray]:
    found = []
    for seed in range(count):
        height, width = SIZES[seed % len(SIZES)]
        found.append(np.asarray(draw(Random(seed)).image.resize((width, height))))
    return found


def texts(count: int) -> list[str]:
    """Sentences of 4 to 30 words, each once."""
    facts = (fact for seed in range(count * 10) for fact in draw(Random(seed)).facts)
    return list(dict.fromkeys(facts))[:count]


class BareLoop:
    """open_clip as its README uses it."""

    def __init__(self, folder: Path, batch_size: int, device: str) -> None:
        precision = "bf16" if device == "cuda" else "fp32"
        name = f"local-dir:{folder}"
        self.model, _, self.transform = open_clip.create_model_and_transforms(
            name, precision=precision, device=device
        )
        self.model.eval()
        self.tokenize = open_clip.get_tokenizer(name)
        self.device, self.batch_size = device, batch_size
        self.dtype = next(self.model.visual.parameters()).dtype

    def embed_images(self, images: Sequence[np.ndarray]) -> np.ndarray:
        """One picture after the other into a batch, then through the model."""
        rows = []
        with torch.no_grad():
            for start in range(0, len(images), self.batch_size):
                seen = [
                    self.transform(Image.fromarray(i))
                    for i in images[start : start + self.batch_size]
                ]
                batch = torch.stack(seen).to(self.device, self.dtype)
                rows.append(self.model.encode_image(batch, normalize=True).float().cpu())
        return torch.cat(rows).numpy()

    def embed_texts(self, sentences: Sequence[str]) -> np.ndarray:
        """Every text as long as the context."""
        rows = []
        with torch.no_grad():
            for start in range(0, len(sentences), self.batch_size):
                tokens = self.tokenize(sentences[start : start + self.batch_size]).to(self.device)
                rows.append(self.model.encode_text(tokens, normalize=True).float().cpu())
        return torch.cat(rows).numpy()


def timed(work: Callable[[], Any]) -> tuple[float, float]:
    """Return wall and CPU seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def take_turns(
    name: str,
    items: Sequence[Any],
    bare: Callable[..., Any],
    engine: Callable[..., Any],
    rounds: int,
) -> float:
    """Print the throughput of both; return the engine's median wall seconds."""
    np.testing.assert_allclose(bare(items[:8]), engine(items[:8]), atol=2e-2)
    seconds: dict[str, list[tuple[float, float]]] = {"bare loop": [], "engine": []}
    for _ in range(rounds):
        seconds["bare loop"].append(timed(lambda: bare(items)))
        seconds["engine"].append(timed(lambda: engine(items)))
    middle = {
        who: [median(each) for each in zip(*took, strict=True)] for who, took in seconds.items()
    }
    for who, (wall, cpu) in middle.items():
        print(
            f"{name:<9} {who:<10} {len(items) / wall:8.1f}/s  {1000 * cpu / len(items):7.2f} CPU ms"
        )
    ratio = [middle["bare loop"][n] / middle["engine"][n] for n in (0, 1)]
    print(f"{name:<9} engine / bare loop: {ratio[0]:.2f} by wall, {ratio[1]:.2f} by CPU")
    return middle["engine"][0]


def gpu_share(loop: BareLoop, count: int, whole_s: float) -> None:
    """Print the share of the engine's time in which the model itself works."""
    side = loop.model.visual.image_size[0]
    batch = torch.zeros(loop.batch_size, 3, side, side, device="cuda", dtype=loop.dtype)
    batches = -(-count // loop.batch_size)
    with torch.no_grad():
        loop.model.encode_image(batch)
        torch.cuda.synchronize()
        start = time.perf_counter()
        for _ in range(batches):
            loop.model.encode_image(batch, normalize=True)
        torch.cuda.synchronize()
    alone_s = time.perf_counter() - start
    print(f"the GPU works {min(1.0, alone_s / whole_s):.0%} of the time")


def main() -> None:
    gpu = torch.cuda.is_available()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shape", default="ViT-L-14" if gpu else "ViT-B-32")
    parser.add_argument("--pictures", type=int, default=4096 if gpu else 256)
    parser.add_argument("--texts", type=int, default=8192 if gpu else 512)
    parser.add_argument("--batch", type=int, default=256 if gpu else 64)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    device = "cuda" if gpu else "cpu"
    with tempfile.TemporaryDirectory() as folder:
        random_model(options.shape, Path(folder))
        bare = BareLoop(Path(folder), options.batch, device)
        engine = Clip(model=folder, pretrained="", batch_size=options.batch).load()
    print(
        f"{options.shape} on {device}, batches of {options.batch}, "
        f"threads: {torch.get_num_threads()}"
    )
    images, sentences = pictures(options.pictures), texts(options.texts)
    whole_s = take_turns("pictures", images, bare.embed_images, engine.embed_images, options.rounds)
    if gpu:
        gpu_share(bare, len(images), whole_s)
    take_turns("texts", sentences, bare.embed_texts, engine.embed_texts, options.rounds)


if __name__ == "__main__":
    main()
