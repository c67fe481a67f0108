"""One operator as a job: a recipe of a single step, made from the command line."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import yaml

from pipelines.catalogue import find_operator
from pipelines.folder import read_json
from pipelines.links import give
from pipelines.recipe import Recipe, build_recipe
from stages.errors import RecipeError
from stages.places import AnyPath, exists, names_in, place
from stages.stage import Source

READERS = {
    ".warc": "stages.sources.read_warc.ReadWarc",
    ".html": "stages.sources.read_html.ReadHtml",
    ".htm": "stages.sources.read_html.ReadHtml",
    ".jsonl": "stages.sources.read_jsonl.ReadJsonl",
    ".parquet": "stages.sources.read_parquet.ReadParquet",
}


def stage_recipe(use: str, read: Sequence[str], arguments: Sequence[str], out: AnyPath) -> Recipe:
    """Return the recipe that runs one operator on the input.

    Args:
        use: the operator's import path; a source makes a recipe without steps.
        read: input files or folders; a run folder stands for the rows that it kept.
        arguments: `--option value` pairs for the operator.
        out: the run folder; media packs of input runs are linked into it.

    Raises:
        RecipeError: naming every fault.
    """
    entry = {"use": use, **_options(arguments)}
    try:
        is_source = issubclass(find_operator(use), Source)
    except LookupError as error:
        raise RecipeError("quern stage", [str(error)]) from error
    paths = [each for path in read for each in _rows_of_run(place(path), out)]
    content: dict[str, Any] = {"name": use.rpartition(".")[2]}
    if is_source:
        content["source"] = entry
    else:
        content |= {"source": {"use": _reader(paths)}, "steps": [entry]}
    return build_recipe(content, "quern stage", read=paths)


def _options(arguments: Sequence[str]) -> dict[str, Any]:
    faults, options = list[str](), dict[str, Any]()
    rest = list(arguments)
    while rest:
        name, equals, value = rest.pop(0).partition("=")
        if not name.startswith("--"):
            faults.append(f"{name}: write options as --name value")
            continue
        if not equals:
            if not rest:
                faults.append(f"{name} needs a value")
                break
            value = rest.pop(0)
        options[name.removeprefix("--").replace("-", "_")] = yaml.safe_load(value)
    if faults:
        raise RecipeError("quern stage", faults)
    return options


def _rows_of_run(path: AnyPath, out: AnyPath) -> list[str]:
    """Return the files of the rows that a run kept; any other path stands for itself."""
    report = read_json(path / "run.json") if not glob.has_magic(str(path)) else None
    if report is None:
        return [str(path)]
    for name in sorted(names_in(path / "media")):
        if name.endswith(".pack"):
            give(path / "media" / name, out / "media" / name)
    rows = path / "segments" / str(len(report["segments"]))
    return [str(rows / name) for name in sorted(names_in(rows)) if name.endswith(".kept.parquet")]


def _reader(paths: Sequence[str]) -> str:
    """Return the source that reads such files, told by their names."""
    gone = [path for path in paths if not glob.has_magic(path) and not exists(place(path))]
    if gone:
        faults = [f"--read {path}: no such file or folder" for path in gone]
        raise RecipeError("quern stage", faults)
    names = [name for path in paths for name in _names(place(path))]
    found = {READERS[suffix] for name in names for suffix in READERS if suffix in name}
    if len(found) != 1:
        faults = [f"--read must name files of one kind: {', '.join(READERS)}; got {list(paths)}"]
        raise RecipeError("quern stage", faults)
    return found.pop()


def _names(path: AnyPath) -> list[str]:
    folder = not glob.has_magic(str(path)) and path.is_dir()
    inside = sorted(islice(map(str, path.rglob("*")), 1000)) if folder else [str(path)]
    return ["".join(Path(each).suffixes).lower() for each in inside if Path(each).suffixes]
