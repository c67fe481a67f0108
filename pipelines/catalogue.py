"""The catalogue: which operators there are, found by looking, since nothing is registered."""

from __future__ import annotations

import difflib
import importlib
import re
from collections.abc import Iterable
from inspect import isabstract
from pathlib import Path

from stages.stage import Operator

PACKAGES = ("stages", "filters", "synth")


def snake_case(use: str) -> str:
    """Return the step name of a class path.

    >>> snake_case("filters.text_repetition.TextRepetition")
    'text_repetition'
    """
    module, _, name = use.rpartition(".")
    module = module.rpartition(".")[2]
    if module.replace("_", "") == name.lower():  # keeps fineweb_rules in one piece
        return module
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def find_operator(use: str) -> type[Operator]:
    """Return the operator class at an import path.

    Raises:
        LookupError: naming the closest class that exists.
    """
    module_name, _, class_name = use.rpartition(".")
    try:
        found = getattr(importlib.import_module(module_name), class_name)
    except Exception as error:  # a module of the user's may raise anything
        hint = did_you_mean(use, all_operators()) or "; `quern ops` lists all"
        raise LookupError(f"cannot find {use!r} ({error}){hint}") from error
    if not (isinstance(found, type) and issubclass(found, Operator)) or isabstract(found):
        raise LookupError(f"{use!r} is not an operator; `quern ops` lists all")
    return found


def all_operators() -> list[str]:
    """Return the import paths of all concrete operators of the product packages."""
    root = Path(__file__).resolve().parents[1]
    found = []
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            module = ".".join(path.relative_to(root).with_suffix("").parts)
            classes = re.findall(r"^class (\w+)\((\w+)\):", path.read_text(), re.MULTILINE)
            kinds = {"Source", "Stage", "Filter", "Regroup", "Generator"}
            found += [f"{module}.{name}" for name, base in classes if base in kinds]
    return [use for use in found if not use.startswith("stages.stage.")]


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return the end of a message about a name that is not known."""
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=1)
    if near:
        return f"; did you mean {near[0]!r}?"
    return f"; there are: {', '.join(known)}" if 0 < len(known) <= 20 else ""
