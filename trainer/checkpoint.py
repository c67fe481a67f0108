"""Checkpoints: written while training goes on, there whole or not at all.

`checkpoints/step-00000100/` holds PyTorch's distributed checkpoint of weights and optimizer, which
any number of ranks can load, and `state.json` with the loader's cursor.
"""

from __future__ import annotations

import json
import shutil
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import torch
import torch.distributed as dist
from torch.distributed.checkpoint.state_dict import get_state_dict, set_state_dict
from torch.distributed.checkpoint.state_dict_loader import load
from torch.distributed.checkpoint.state_dict_saver import async_save

from stages.errors import StorageError
from trainer.data import START, Cursor
from trainer.model import QwenVLModel
from trainer.parallel import Ranks

STATE: Final = "state.json"
_PARTIAL: Final = ".partial"


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a training is.

    Attributes:
        step: optimizer steps done.
        cursor: the next step's place in the data.
    """

    step: int = 0
    cursor: Cursor = START


@dataclass(kw_only=True)
class Checkpoints:
    """The checkpoints of a training.

    Attributes:
        folder: they lie in.
        ranks: that train.
        keep: newest that stay.
    """

    folder: Path
    ranks: Ranks
    keep: int = 2
    _writing: tuple[Future[Any], Path, Progress] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        # Of its own: the thread that writes must not talk into the steps' collectives.
        group = dist.new_group(backend="gloo")
        assert isinstance(group, dist.ProcessGroup)
        self._group = group

    def newest(self) -> Path | None:
        """Return the newest whole checkpoint."""
        whole = [path for path in self.folder.glob("step-*") if (path / STATE).is_file()]
        return max(whole, default=None)

    def save(
        self, model: QwenVLModel, optimizer: torch.optim.Optimizer, progress: Progress
    ) -> None:
        """Begin to write a checkpoint; the weights may change as soon as this returns."""
        self.finish()
        partial = self.folder / f"step-{progress.step:08d}{_PARTIAL}"
        if self.ranks.is_first:
            shutil.rmtree(partial, ignore_errors=True)
            self.folder.mkdir(parents=True, exist_ok=True)
        weights, moments = get_state_dict(model, optimizer)
        state = {"model": weights, "optimizer": moments}
        written = async_save(state, checkpoint_id=partial, process_group=self._group)
        assert isinstance(written, Future)
        self._writing = (written, partial, progress)

    def settle(self) -> None:
        """Let the checkpoint be seen if it is written by now.

        Raises:
            StorageError: when it could not be written.
        """
        if self._writing is not None and self._writing[0].done():
            self.finish()

    def finish(self) -> None:
        """Wait for the checkpoint that is being written, and let it be seen.

        Raises:
            StorageError: when it could not be written.
        """
        if self._writing is None:
            return
        written, partial, progress = self._writing
        self._writing = None
        try:
            written.result()
        except Exception as error:  # whatever the writer's threads raise
            raise StorageError(f"the checkpoint {partial} cannot be written: {error}") from error
        if self.ranks.is_first:
            state = {"step": progress.step, "cursor": progress.cursor}
            (partial / STATE).write_text(json.dumps(state))
            partial.rename(partial.with_name(partial.name.removesuffix(_PARTIAL)))
            for old in sorted(self.folder.glob("step-*[0-9]"))[: -self.keep]:
                shutil.rmtree(old)

    def load(self, model: QwenVLModel, optimizer: torch.optim.Optimizer) -> Progress:
        """Fill model and optimizer from the newest checkpoint, if there is one.

        Raises:
            StorageError: when the checkpoint is not of this model.
        """
        newest = self.newest()
        if newest is None:
            return Progress()
        weights, moments = get_state_dict(model, optimizer)
        state: dict[str, Any] = {"model": weights, "optimizer": moments}
        try:
            load(state, checkpoint_id=newest)
        except Exception as error:  # of many kinds, all of them about the files
            raise StorageError(f"the checkpoint {newest} cannot be read: {error}") from error
        set_state_dict(
            model, optimizer, model_state_dict=weights, optim_state_dict=state["optimizer"]
        )
        said = json.loads((newest / STATE).read_text())
        return Progress(step=said["step"], cursor=Cursor(*said["cursor"]))
