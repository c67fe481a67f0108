"""One thread of computation, for results that do not depend on how many there are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute on the CPU in one thread.

    How many threads share a product of matrices decides in which order sums are taken, and so
    their last bits: a row would depend on the machine. Workers have a core each in any case.
    """
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
