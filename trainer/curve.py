"""The loss curve of a training as a PNG."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from trainer.metrics import read_lines

CURVE = "loss.png"
_MOST_GROUPS = 8


def draw_curve(folder: Path) -> Path:
    """Draw loss, loss by source and kind, and held-out loss over the steps of a training."""
    from matplotlib.figure import Figure

    curves: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for line in read_lines(folder):
        for name in ("loss", "held_out_loss"):
            if name in line:
                curves[name].append((line["step"], line[name]))
        for name, value in line.get("losses", {}).items():
            curves[name].append((line["step"], value))
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    groups = [name for name in curves if name not in ("loss", "held_out_loss")]
    for name in groups[:_MOST_GROUPS] if len(groups) > 1 else ():
        axes.plot(*zip(*curves[name], strict=True), linewidth=0.8, alpha=0.7, label=name)
    for name, style in (("loss", "-"), ("held_out_loss", "o--")):
        if curves[name]:
            told = name.replace("_", "-").replace("-loss", " loss")
            axes.plot(*zip(*curves[name], strict=True), style, color="black", label=told)
    axes.set_xlabel("step")
    axes.set_ylabel("cross entropy per label, nats")
    axes.legend(fontsize="small")
    axes.grid(alpha=0.3)
    path = folder / CURVE
    figure.savefig(path, dpi=120)
    return path
