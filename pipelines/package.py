"""What goes to a cluster: a copy of this folder without what is made or kept in it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pipelines.plan import ROOT
from stages.errors import QuernError

LEFT_OUT = (".*", "__pycache__", "*.egg-info", "runs", "data", "node_modules")
MOST_BYTES = 200 << 20
"""Every node gets a copy, through Ray's head, which refuses a few hundred MB."""


@contextmanager
def packed(beside: Mapping[str, str] | None = None, root: Path = ROOT) -> Iterator[Path]:
    """Give a folder to hand to Ray as `working_dir`; it is removed afterwards.

    Args:
        beside: text of further files, by their path in the folder.
        root: the folder that is copied.

    Raises:
        QuernError: when it is too big for every node to get it.
    """
    if not (root / "pyproject.toml").exists():
        raise QuernError(
            f"{root} is not a checkout of Quern; a cluster gets the code from one: clone it and "
            f"install it with `pip install --editable .`"
        )
    _check_size(root)
    with tempfile.TemporaryDirectory(prefix="quern-") as name:
        folder = Path(name) / "quern"
        shutil.copytree(root, folder, ignore=shutil.ignore_patterns(*LEFT_OUT))
        for path, text in (beside or {}).items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")
        yield folder


def _check_size(root: Path) -> None:
    ignored = shutil.ignore_patterns(*LEFT_OUT)
    names = [path.name for path in root.iterdir()]
    sizes = {name: _size(root / name) for name in set(names) - ignored(str(root), names)}
    total = sum(sizes.values())
    if total > MOST_BYTES:
        biggest = sorted(sizes, key=lambda name: -sizes[name])[:3]
        told = ", ".join(f"{name} {sizes[name] / 1e6:,.0f} MB" for name in biggest)
        raise QuernError(
            f"{root} is too big to send to a cluster: {total / 1e6:,.0f} MB, at most "
            f"{MOST_BYTES / 1e6:,.0f}; move what is no code elsewhere, or into its folder data "
            f"or runs, which stay here; the biggest: {told}"
        )


def _size(path: Path) -> int:
    files = [path] if path.is_file() else path.rglob("*")
    return sum(file.stat().st_size for file in files if file.is_file())
