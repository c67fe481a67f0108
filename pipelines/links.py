"""Giving files of one run folder to another: as links where both are local, else as copies."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from stages.files import atomic
from stages.places import AnyPath, exists, make_folder, reached


def give(source: AnyPath, target: AnyPath) -> None:
    """Give a file, which nobody will write into, to another folder; it appears whole.

    A link costs no space and outlives the folder that it was made from. A store of objects copies
    within itself.

    Raises:
        StorageError: when that fails.
    """
    if isinstance(source, Path) and isinstance(target, Path):
        if not (target.exists() and source.samefile(target)):
            _link(source, target)
    elif not exists(target):
        _copy(source, target)


def _link(source: Path, target: Path) -> None:
    make_folder(target.parent)
    partial = target.with_name(f"{target.name}.{os.getpid()}.tmp")
    try:
        os.link(source, partial)
    except OSError:  # another file system
        _copy(source, target)
        return
    os.replace(partial, target)


def _copy(source: AnyPath, target: AnyPath) -> None:
    if isinstance(source, Path) or isinstance(target, Path) or source.protocol != target.protocol:
        with source.open("rb") as file, atomic(target) as copy:
            shutil.copyfileobj(file, copy, 8 << 20)
        return
    with reached(target, "write"):
        target.fs.cp_file(source.path, target.path)
