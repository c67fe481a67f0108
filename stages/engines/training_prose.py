"""Write sentences as they stand around pictures: some name what is drawn, others do not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from random import Random
from typing import Final

import yaml

PARTS_FILE: Final = Path(__file__).with_name("training_prose.yaml")
_OPENED, _TAILED, _LED, _SUBJECT = 0.5, 0.4, 0.25, 0.5  # shares of sentences


@cache
def parts() -> Mapping[str, Sequence[str]]:
    """Return the parts of sentences by the place they have in one."""
    found: dict[str, list[str]] = yaml.safe_load(PARTS_FILE.read_text(encoding="utf-8"))
    return found


def plain(rng: Random) -> str:
    """Return a sentence that names nothing that is ever drawn."""
    of = parts()
    return _sentence(rng, rng.choice(of["subjects"]), rng.choice(of["did"]))


def mention(rng: Random, name: str) -> str:
    """Return a sentence that names something and tells nothing of what it looks like.

    Args:
        rng: what it is drawn from.
        name: a noun, or words that stand for one: "apples", "bar chart".
    """
    of = parts()
    if rng.random() < _LED:
        return rng.choice(of["leads"]).format(name=name)
    if rng.random() < _SUBJECT:
        subject, did = rng.choice(of["named_subjects"]), rng.choice(of["became"])
    else:
        subject, did = rng.choice(of["subjects"]), rng.choice(of["named_did"])
    return _sentence(rng, subject.format(name=name), did.format(name=name))


def label(rng: Random, name: str) -> str:
    """Return the name by itself, or with a few words that say as little."""
    return rng.choice(parts()["labels"]).format(name=name)


def _sentence(rng: Random, subject: str, did: str) -> str:
    of = parts()
    opener = f"{rng.choice(of['openers'])} " if rng.random() < _OPENED else ""
    tail = rng.choice(of["tails"]) if rng.random() < _TAILED else ""
    text = f"{opener}{subject} {did}{tail}."
    return text[0].upper() + text[1:]
