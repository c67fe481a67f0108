"""Start a training in this process, or as a rank of torchrun's.

quern train PRESET --data RUN [--shape 3b] [--set option=value ...] [--out DIR]
torchrun --nproc-per-node 8 -m trainer.launch PRESET --data RUN ...

On a cluster `trainer.launch_ray` does it.
"""

from __future__ import annotations

import argparse
import signal
from collections.abc import Sequence
from pathlib import Path

from stages.errors import NotReadyError
from stages.places import AnyPath, exists, place
from stages.shards import MANIFEST
from trainer.config import TrainConfig, load_config
from trainer.loop import train


def launch(config: TrainConfig, data: str, out: Path) -> Path:
    """Train in this process, alone or as a rank of torchrun's, and return the weights' folder.

    Args:
        config: what to do.
        data: a run folder, or its folder of shards.
        out: folder of the training.
    """
    signal.signal(signal.SIGTERM, _leave)
    return train(config, shards_of(data), out)


def _leave(number: int, _: object) -> None:
    """Leave as Ctrl-C does: the loader's workers are ended on the way out."""
    raise SystemExit(128 + number)


def shards_of(data: str) -> AnyPath:
    """Return the folder of shards of a run, or the folder itself when it holds them.

    Raises:
        NotReadyError: when there are none.
    """
    folder = place(data)
    for each in (folder / "shards", folder):
        if exists(each / MANIFEST):
            return each
    raise NotReadyError(
        f"{data} holds no shards (no {MANIFEST}); name a run folder that `quern run` has finished"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Train as the command line says; what torchrun starts on every rank."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("preset")
    parser.add_argument("--data", required=True)
    parser.add_argument("--out", type=Path, default=Path("runs/train"))
    parser.add_argument("--shape", default="")
    parser.add_argument("--set", nargs="*", action="extend", default=[], dest="settings")
    options = parser.parse_args(arguments)
    config = load_config(options.preset, shape=options.shape, settings=options.settings)
    launch(config, options.data, options.out)


if __name__ == "__main__":
    main()
