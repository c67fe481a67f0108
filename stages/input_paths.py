"""Expand files, folders and glob patterns, local or on object storage, into a list of files."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from stages.errors import SourceError
from stages.places import AnyPath, lacks_bucket, listed, open_ranged, place, reached


@dataclass(frozen=True, kw_only=True)
class InputFile:
    """One file that a source reads.

    Attributes:
        path: the file, as the given path leads to it.
        root: the folder that was named; for a file its own folder, for a pattern the folder
            before the first wildcard.
    """

    path: AnyPath
    root: AnyPath


@dataclass(frozen=True, kw_only=True)
class InputInfo:
    """What the store tells of a remote input.

    Attributes:
        size_bytes: of the file, -1 when it is missing.
        version: changes when its content does: the ETag, or the time of the last change.
    """

    size_bytes: int
    version: str


_KNOWN: dict[str, InputInfo] = {}  # by URI: listings tell it, and asking is a round trip


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
    plain = place(path)
    if not isinstance(plain, Path):
        return _expand_remote(path, plain, suffixes)
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


def _expand_remote(text: str, path: AnyPath, suffixes: tuple[str, ...]) -> list[InputFile]:
    """Return the files, in one listing where the store has such; notes what it tells of them."""
    assert not isinstance(path, Path)
    with reached(path):
        try:
            if glob.has_magic(text):
                root = place(_literal_prefix(text))
                found = path.fs.glob(path.path, detail=True)
                if not found:
                    listed(root)  # complains of a bucket that is not there
            elif (info := path.fs.info(path.path))["type"] == "directory":
                root = path
                inside = path.fs.find(path.path, detail=True)
                found = {n: told for n, told in inside.items() if n.lower().endswith(suffixes)}
            else:
                root, found = path.parent, {path.path: info}
        except FileNotFoundError as error:
            if lacks_bucket(error):
                raise
            return []
    files = []
    for name, told in sorted(found.items()):
        if told["type"] == "file" and not name.endswith("/"):
            uri = path.fs.unstrip_protocol(name)
            _KNOWN[uri] = _info(told)
            files.append(InputFile(path=place(uri), root=root))
    return files


def _literal_prefix(pattern: str) -> str:
    """Return the folder in front of the first part of a URI that has a wildcard.

    >>> _literal_prefix("s3://bucket/crawl/2024-*/*.warc.gz")
    's3://bucket/crawl'
    """
    parts = pattern.split("/")
    first = next(index for index, part in enumerate(parts) if glob.has_magic(part))
    return "/".join(parts[:first])


def _info(told: Mapping[str, Any]) -> InputInfo:
    version = told.get("ETag") or told.get("mtime") or told.get("LastModified") or ""
    return InputInfo(size_bytes=int(told["size"]), version=str(version))


def input_info(uri: str) -> InputInfo:
    """Return size and version of a remote input; asked for once in a process, or listed before.

    Raises:
        StorageError: when the store cannot be reached.
    """
    if uri not in _KNOWN:
        path = place(uri)
        assert not isinstance(path, Path)
        with reached(path):
            try:
                _KNOWN[uri] = _info(path.fs.info(path.path))
            except FileNotFoundError:
                return InputInfo(size_bytes=-1, version="")
    return _KNOWN[uri]


def size_of(path: AnyPath) -> int:
    """Return the size of an input in bytes.

    Raises:
        OSError: when it is missing.
    """
    return path.stat().st_size if isinstance(path, Path) else input_info(str(path)).size_bytes


def open_input(text: str, block_bytes: int) -> BinaryIO:
    """Open an input for reading; `block_bytes` are read ahead of what was asked for.

    Raises:
        SourceError: when it is missing or not readable.
        StorageError: when the store cannot be reached.
    """
    path = place(text)
    try:
        if isinstance(path, Path):
            return path.open("rb", buffering=min(block_bytes, 1 << 20))
        return open_ranged(path, block_bytes, max(input_info(text).size_bytes, 0))
    except OSError as error:
        raise SourceError(f"cannot read {text}: {error.strerror or error}") from error


def _literal_folder(pattern: Path) -> Path:
    """Return the folder in front of the first part of a pattern that has a wildcard."""
    for parent in reversed(pattern.parents):
        if glob.has_magic(str(parent)):
            return parent.parent
    return pattern.parent


def _why_empty(path: str, suffixes: Sequence[str]) -> str:
    kind = "no file matches" if glob.has_magic(path) else "no such file or folder"
    plain = place(path)
    if not isinstance(plain, Path):
        return f"{path}: {kind}, or none in it ends in {', '.join(suffixes)}"
    if plain.is_dir():
        return f"{path}: a folder without files ending in {', '.join(suffixes)}"
    start = _literal_folder(plain)
    parent = next((each for each in (start, *start.parents) if each.is_dir()), Path("."))
    return f"{path}: {kind}; the nearest folder that exists is {parent.resolve()}"


def _refuse_duplicates(files: Sequence[InputFile]) -> None:
    seen: dict[AnyPath, AnyPath] = {}
    twice = []
    for file in files:
        whole = file.path.resolve() if isinstance(file.path, Path) else file.path
        first = seen.setdefault(whole, file.path)
        if first is not file.path:
            twice.append(f"\n  - {file.path} is the file {first}")
    if twice:
        raise SourceError(
            "input files named more than once; sample ids would not be unique. Name each file "
            "through one path only" + "".join(twice)
        )
