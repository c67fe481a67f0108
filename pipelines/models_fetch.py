"""Fetch what a recipe's models need from the hub, so that a run needs no web."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Final

from pipelines.recipe import Recipe
from stages.engines.hub import Download, tokenizer_downloads
from stages.errors import MissingWeightsError
from stages.stage import Operator
from stages.tokenizer import TINY

PROCESSOR: Final = "processor"
"""Option of an operator that names a tokenizer itself, without an engine."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A model that a recipe needs.

    Attributes:
        place: the step that needs it, as the recipe calls it.
        download: its files on the hub.
    """

    place: str
    download: Download


def wanted(recipe: Recipe) -> list[Wanted]:
    """Return what of the hub the operators of a recipe need, equal models once.

    An engine, wherever it stands among an operator's options, says it by `downloads()`; so does
    an operator. What comes along, or lies in a folder, needs nothing.
    """
    places: list[tuple[str, Operator]] = [("source", recipe.source)]
    places += [(f"steps.{step.name}", step.operator) for step in recipe.steps]
    places += [("write", recipe.write)] if recipe.write is not None else []
    found: dict[Download, Wanted] = {}
    for place, operator in places:
        for download in (*_of_engines(operator), *_of_processor(operator)):
            found.setdefault(download, Wanted(place=place, download=download))
    return list(found.values())


def fetch_models(recipe: Recipe) -> Iterator[str]:
    """Fetch what is missing into the hub's cache on this machine; yield a line about each model.

    Raises:
        MissingWeightsError: naming every model that could not be fetched, when the others are.
    """
    models = wanted(recipe)
    if not models:
        yield f"{recipe.name} needs no models of the hub"
    failed = []
    for each in models:
        label = f"{each.place}: {each.download.repo}"
        if (folder := each.download.folder()) is not None:
            yield f"{label} is here already, in {folder}"
            continue
        try:
            yield f"{label} fetched into {each.download.fetch()}"
        except MissingWeightsError as error:
            failed.append(f"{each.place}: {error}")
    if failed:
        raise MissingWeightsError("\n".join(failed))


def _of_engines(value: Any) -> Iterator[Download]:
    """Yield what an operator or engine needs, and what those among its options do."""
    if isinstance(value, tuple):
        for each in value:
            yield from _of_engines(each)
    if not is_dataclass(value) or isinstance(value, type):
        return
    downloads = getattr(value, "downloads", None)
    if callable(downloads):
        yield from downloads()
        return
    for field in fields(value):
        yield from _of_engines(getattr(value, field.name))


def _of_processor(operator: Operator) -> tuple[Download, ...]:
    name = getattr(operator, PROCESSOR, "")
    return tokenizer_downloads(name) if name and name != TINY else ()
