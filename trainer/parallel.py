"""Ranks: which this one is, on what device, and how the model lies over all of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor
from torch._C._distributed_c10d import HashStore
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard

from trainer.model import QwenVLModel


@dataclass(frozen=True, kw_only=True)
class Ranks:
    """This process among those that train together.

    Attributes:
        rank: its number.
        count: how many there are.
        device: where its part of the model lies.
    """

    rank: int
    count: int
    device: torch.device

    @property
    def is_first(self) -> bool:
        """Whether it is the one that writes files and talks."""
        return self.rank == 0

    def sum(self, tensor: Tensor) -> Tensor:
        """Return the sum of every rank's tensor, without waiting for it."""
        if self.count > 1:
            dist.all_reduce(tensor)
        return tensor


@contextmanager
def joined() -> Iterator[Ranks]:
    """Join the ranks that torchrun or Ray Train started; alone without them.

    Ranks meet over NCCL on GPUs and over gloo on CPUs; checkpoints are written over gloo.
    """
    rank, count = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    device = torch.device("cpu")
    if torch.cuda.is_available():
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(device)
    begun = not dist.is_initialized()
    if begun:
        backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
        if count == 1:
            dist.init_process_group(backend, store=HashStore(), rank=0, world_size=1)
        else:
            dist.init_process_group(backend)
    try:
        yield Ranks(rank=rank, count=count, device=device)
    finally:
        if begun:
            dist.destroy_process_group()


def leave_cores(ranks: Ranks, workers: int) -> None:
    """On CPUs, leave the loader's workers a core each: threads that wait for a core burn theirs."""
    if ranks.device.type == "cpu":
        torch.set_num_threads(max(1, torch.get_num_threads() - workers))


def spread(model: QwenVLModel, ranks: Ranks, precision: str) -> QwenVLModel:
    """Lay the model over the ranks (FSDP2), each block by itself, and return it.

    Weights, gradients and optimizer states stay in float32; "bf16" computes in bfloat16. A single
    rank in float32 needs none of this and gets the model as it is.
    """
    if ranks.count == 1 and precision == "fp32":
        return model
    compute = torch.bfloat16 if precision == "bf16" else torch.float32
    # Inputs are not cast: rotary angles are float32, layers cast what they need themselves.
    policy = MixedPrecisionPolicy(
        param_dtype=compute, reduce_dtype=torch.float32, cast_forward_inputs=False
    )
    for block in [*model.vision.blocks, *model.language.layers]:
        fully_shard(block, mp_policy=policy)
    fully_shard(model, mp_policy=policy)
    for module in model.modules():
        if isinstance(module, FSDPModule):
            module.set_gradient_divide_factor(1.0)  # sums, divided by the labels of the step
            module.set_force_sum_reduction_for_comms(True)  # gloo knows sums alone
    return model


@contextmanager
def accumulating(model: QwenVLModel, *, is_last: bool) -> Iterator[None]:
    """Keep gradients on their rank in all passes of a step but the last."""
    if isinstance(model, FSDPModule):
        model.set_requires_gradient_sync(is_last)
    yield
