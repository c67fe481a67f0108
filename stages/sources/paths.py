"""Expand files, folders and glob patterns into a list of files."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from stages.errors import SourceError


@dataclass(frozen=True, kw_only=True)
class InputFile:
    """One file that a source reads.

    Attributes:
        path: the file, as the given path leads to it.
        root: the folder that was named; for a file its own folder, for a pattern the folder
            before the first wildcard.
    """

    path: Path
    root: Path


def expand(paths: Iterable[str], suffixes: Sequence[str]) -> list[InputFile]:
    """Return the files behind the paths: in the order given, those of one path sorted by name.

    Args:
        paths: files, folders (searched to any depth) or glob patterns (`**` crosses folders).
        suffixes: endings of the files taken from a folder, such as ".warc.gz"; a file or a
            pattern that the user writes out is taken whatever its ending.

    Raises:
        SourceError: when there are no paths, a path names nothing, or two name one file.
    """
    given = list(paths)
    if not given:
        raise SourceError("no input: give the source at least one file, folder or pattern")
    found = [(path, _expand_one(path, tuple(suffixes))) for path in given]
    empty = [path for path, files in found if not files]
    if empty:
        lines = "".join(f"\n  - {_why_empty(path, suffixes)}" for path in empty)
        raise SourceError(f"{len(empty)} of {len(given)} input paths name no file{lines}")
    files = [file for _, group in found for file in group]
    _refuse_duplicates(files)
    return files


def _expand_one(path: str, suffixes: tuple[str, ...]) -> list[InputFile]:
    plain = Path(path)
    if plain.is_file():
        return [InputFile(path=plain, root=plain.parent)]
    if plain.is_dir():
        inside = (file for file in plain.rglob("*") if file.name.lower().endswith(suffixes))
        return [InputFile(path=file, root=plain) for file in sorted(inside) if file.is_file()]
    if not glob.has_magic(path):
        return []
    matches = sorted(Path(match) for match in glob.glob(path, recursive=True))
    root = _literal_folder(plain)
    return [InputFile(path=file, root=root) for file in matches if file.is_file()]


def _literal_folder(pattern: Path) -> Path:
    """Return the folder in front of the first part of a pattern that has a wildcard."""
    for parent in reversed(pattern.parents):
        if glob.has_magic(str(parent)):
            return parent.parent
    return pattern.parent


def _why_empty(path: str, suffixes: Sequence[str]) -> str:
    if Path(path).is_dir():
        return f"{path}: a folder without files ending in {', '.join(suffixes)}"
    start = _literal_folder(Path(path))
    parent = next((each for each in (start, *start.parents) if each.is_dir()), Path("."))
    kind = "no file matches" if glob.has_magic(path) else "no such file or folder"
    return f"{path}: {kind}; the nearest folder that exists is {parent.resolve()}"


def _refuse_duplicates(files: Sequence[InputFile]) -> None:
    seen: dict[Path, Path] = {}
    twice = []
    for file in files:
        first = seen.setdefault(file.path.resolve(), file.path)
        if first is not file.path:
            twice.append(f"\n  - {file.path} is the file {first}")
    if twice:
        raise SourceError(
            "input files named more than once; sample ids would not be unique. Name each file "
            "through one path only" + "".join(twice)
        )
