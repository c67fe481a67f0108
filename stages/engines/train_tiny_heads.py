"""Train the heads of the tiny CLIP: probes that know spoilt, warning and watermarked drawings.

    python -m stages.engines.train_tiny_heads --read runs/spoilt/shards \\
        --held-out runs/held_out_spoilt/shards

reads shards as `stages.engines.train_tiny_clip` does, of captioned pictures half of which are
spoilt, the held-out ones from another seed: 2,048 with `source.seed=3`. It writes `aesthetic`,
`safety` and `watermark.safetensors` beside the model, and into its `numbers.json` how well each
tells held-out drawings apart. `--model` names another CLIP. Equal embeddings give equal heads.

Source: Radford et al. 2021, arXiv:2103.00020, section 3.2 (linear probes).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from stages.elements import Floats, Mask
from stages.engines.clip import TINY, TINY_FOLDER, Clip
from stages.engines.figures import roc_auc
from stages.engines.heads import read_linear
from stages.engines.rendered import Rendered, read_rendered

RIDGE: Final = 1e-4
NEWTON_STEPS: Final = 20

LABELS: Final[Mapping[str, Callable[[str, str], bool]]] = {
    "aesthetic": lambda drawing, spoilt: spoilt == "",
    "safety": lambda drawing, spoilt: drawing == "warning",
    "watermark": lambda drawing, spoilt: spoilt == "watermark",
}
"""What each head says yes to, given the drawing and how it was spoilt."""


def fit(vectors: Floats, is_positive: Mask) -> tuple[Floats, Floats]:
    """Return weight float32[D] and bias float32[1] of a logistic regression by Newton's method.

    Both classes weigh the same however many there are of each.

    Args:
        vectors: float32[N, D].
        is_positive: bool[N].

    Raises:
        ValueError: when one class is empty.
    """
    if is_positive.all() or not is_positive.any():
        raise ValueError("a head learns from two classes; read more shards, spoilt ones too")
    inputs = np.c_[vectors, np.ones(len(vectors))].astype(np.float64)
    share = np.where(is_positive, 0.5 / is_positive.sum(), 0.5 / (~is_positive).sum())
    ridge = RIDGE / inputs.shape[1] * np.eye(inputs.shape[1])
    ridge[-1, -1] = 1e-9  # the bias is free
    weight = np.zeros(inputs.shape[1])
    for _ in range(NEWTON_STEPS):
        told = _sigmoid(inputs @ weight)
        slope = inputs.T @ (share * (told - is_positive)) + ridge @ weight
        curve = (inputs * (share * told * (1 - told))[:, None]).T @ inputs + ridge
        weight -= np.linalg.solve(curve, slope)
    return weight[:-1].astype(np.float32), weight[-1:].astype(np.float32)


def _sigmoid(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return 0.5 * (1 + np.tanh(0.5 * values))


def labels_of(data: Rendered, head: str) -> Mask:
    """Return bool[N], what the head should say yes to."""
    pairs = zip(data.drawings, data.spoilt, strict=True)
    return np.array([LABELS[head](drawing, spoilt) for drawing, spoilt in pairs], dtype=np.bool_)


def write_head(path: Path, weight: Floats, bias: Floats) -> None:
    """Write a head of one layer, as `stages.engines.heads.read_linear` reads it."""
    from safetensors.numpy import save_file

    save_file({"weight": weight, "bias": bias}, path)


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, write and measure the heads, as the command says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--read", nargs="+", required=True)
    parser.add_argument("--held-out", nargs="+", required=True)
    parser.add_argument("--model", default=TINY)
    parser.add_argument("--out", type=Path, default=TINY_FOLDER)
    options = parser.parse_args(arguments)
    clip = Clip(model=options.model, pretrained="").load()
    learnt, held_out = (
        read_rendered(paths, clip.side_px) for paths in (options.read, options.held_out)
    )
    vectors = clip.embed_images(list(learnt.pixels))
    unseen = clip.embed_images(list(held_out.pixels))
    figures = {}
    for head in LABELS:
        path = options.out / f"{head}.safetensors"
        write_head(path, *fit(vectors, labels_of(learnt, head)))
        scores, yes = read_linear(path)(unseen), labels_of(held_out, head)
        counts = {"yes": int(yes.sum()), "no": int((~yes).sum())}
        figures[head] = {"auc": round(roc_auc(scores[yes], scores[~yes]), 4), **counts}
    note(options.out / "numbers.json", figures)
    print(json.dumps(figures, indent=2))


def note(path: Path, figures: Mapping[str, Mapping[str, float]]) -> None:
    """Write figures of the heads into the file of the model's numbers, which stay."""
    numbers = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    text = json.dumps({**numbers, "heads": figures}, indent=2)
    path.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
