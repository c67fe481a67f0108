"""Train on a Ray cluster, by Ray Train.

quern train PRESET --data s3://... --out /shared/... --address auto --ranks 16
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stages.errors import NotReadyError, QuernError
from trainer.config import TrainConfig
from trainer.launch import shards_of
from trainer.loop import train


def launch_on_ray(
    config: TrainConfig, data: str, out: Path, *, ranks: int, there: Mapping[str, float]
) -> Path:
    """Train on the Ray cluster that this process has joined; return the folder of the weights.

    Every rank has a GPU of its own where the cluster has any, else a core.

    Args:
        config: what to do.
        data: a run folder, or its folder of shards, which all nodes see under this name.
        out: folder of the training, of which the same holds.
        ranks: processes.
        there: CPUs and GPUs of the cluster.

    Raises:
        NotReadyError: when there is nothing to train on, or the cluster is too small.
        QuernError: what stopped a rank.
    """
    from ray.train import RunConfig, ScalingConfig, TrainingFailedError
    from ray.train.torch import TorchConfig, TorchTrainer

    shards = shards_of(data)
    out = out.absolute()
    told = {
        "config": config,
        "data": shards.absolute() if isinstance(shards, Path) else shards,
        "out": out,
    }
    kind = "GPU" if there["GPU"] else "CPU"
    if there[kind] < ranks:
        raise NotReadyError(
            f"{ranks} ranks want a {kind} each, the cluster has {there[kind]:g}; give --ranks less"
        )
    use_gpu = kind == "GPU"
    trainer = TorchTrainer(
        _rank,
        train_loop_config=told,
        torch_config=TorchConfig(backend="cpu:gloo,cuda:nccl" if use_gpu else "gloo"),
        scaling_config=ScalingConfig(num_workers=ranks, use_gpu=use_gpu),
        run_config=RunConfig(name="ray", storage_path=str(out)),
    )
    try:
        trainer.fit()
    except TrainingFailedError as error:
        raise _reason(error) from error
    return out / "model"


def _reason(error: Exception) -> QuernError:
    """Return what stopped the ranks: our own error where one of them had one."""
    failures: list[Exception] = list(getattr(error, "worker_failures", {}).values())
    ours = [each for each in failures if isinstance(each, QuernError)]
    return ours[0] if ours else QuernError(f"the training stopped: {error}")


def _rank(told: dict[str, Any]) -> None:
    """Train as one of the ranks that Ray Train started; its process group is joined already."""
    train(told["config"], told["data"], told["out"])
