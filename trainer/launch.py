"""Start a training: in this process, under torchrun, or by Ray Train on a cluster.

quern train PRESET --data RUN [--shape 3b] [--set option=value ...] [--out DIR]
torchrun --nproc-per-node 8 -m trainer.launch PRESET --data RUN ...
quern train PRESET --data s3://... --out /shared/... --address auto --ranks 16
"""

from __future__ import annotations

import argparse
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stages.errors import NotReadyError
from stages.places import AnyPath, exists, place
from stages.shards import MANIFEST
from trainer.config import TrainConfig, load_config
from trainer.loop import train


def launch(config: TrainConfig, data: str, out: Path, *, address: str = "", ranks: int = 1) -> Path:
    """Train, here or on a cluster, and return the folder of the weights.

    Args:
        config: what to do.
        data: a run folder, or its folder of shards.
        out: folder of the training; on a cluster all nodes must see it under this name.
        address: of a Ray cluster, "auto" on one of its nodes; "" trains here.
        ranks: processes on the cluster, a GPU each.
    """
    shards = shards_of(data)
    if not address:
        signal.signal(signal.SIGTERM, _leave)
        return train(config, shards, out)
    import ray
    from ray.train import RunConfig, ScalingConfig
    from ray.train.torch import TorchTrainer

    ray.init(address=address, runtime_env={"working_dir": str(Path(__file__).parents[1])})
    told: dict[str, Any] = {"config": config, "data": shards, "out": out}
    TorchTrainer(
        _rank,
        train_loop_config=told,
        scaling_config=ScalingConfig(num_workers=ranks, use_gpu=True),
        run_config=RunConfig(name=config.name, storage_path=str(out / "ray")),
    ).fit()
    return out / "model"


def _leave(number: int, _: object) -> None:
    """Leave as Ctrl-C does: the loader's workers are ended on the way out."""
    raise SystemExit(128 + number)


def _rank(told: dict[str, Any]) -> None:
    """Train as one of the ranks that Ray Train started; its process group is joined already."""
    train(told["config"], told["data"], told["out"])


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
