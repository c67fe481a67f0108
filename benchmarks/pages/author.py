"""What the page templates are given: texts of one language, names, dates, pictures, all seeded.

A bank (`content/*.yaml`) holds sentences with slots, the words that fill them, titles, labels
and the texts of an interface. An author takes from it without repeating himself on one page.
"""

from __future__ import annotations

import hashlib
import random
import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml

CONTENT = Path(__file__).parent / "content"
SLOT = re.compile(r"\{([a-z]+)\}")


@cache
def bank(name: str) -> dict[str, Any]:
    """Return a bank by name."""
    return yaml.safe_load((CONTENT / f"{name}.yaml").read_text(encoding="utf-8"))


class Author:
    """Writes the texts of one page.

    Attributes:
        v: number of the page among those of its template, from 0; templates vary by it.
        ui: the texts of an interface in the author's language.
        lang: tag of that language.
    """

    def __init__(self, name: str, *, page: str, variant: int) -> None:
        """Take a bank, the page's name as seed, and which of its template's pages it is."""
        self._bank = bank(name)
        self._random = random.Random(f"{name}/{page}")
        self._left: dict[str, list[str]] = {}
        self._page = page
        self.v = variant
        self.ui = self._bank["ui"]
        self.lang = self._bank["lang"]

    def _next(self, part: str) -> str:
        """Return an entry that the page has not had, until all have been had."""
        if not self._left.get(part):
            entries = list(self._bank[part])
            self._random.shuffle(entries)
            self._left[part] = entries
        return self._filled(self._left[part].pop())

    def _filled(self, frame: str) -> str:
        text = SLOT.sub(self._word, SLOT.sub(self._word, frame))
        return text[0].upper() + text[1:] if frame[0] == "{" else text

    def _word(self, slot: re.Match[str]) -> str:
        if slot[1] == "n":
            return str(self._random.randint(2, 980))
        return str(self._random.choice(self._bank["slots"][slot[1]]))

    def s(self, number: int = 1) -> str:
        """Return sentences."""
        return self._bank["join"].join(self._next("prose") for _ in range(number))

    def p(self, low: int = 2, high: int = 5) -> str:
        """Return a paragraph."""
        return self.s(self._random.randint(low, high))

    def t(self) -> str:
        """Return a title."""
        return self._next("titles")

    def h(self) -> str:
        """Return a heading."""
        return self._next("headings")

    def labels(self, number: int) -> list[str]:
        """Return short texts as menus hold them."""
        return [self._next("labels") for _ in range(number)]

    def user(self) -> str:
        """Return the name that somebody goes by."""
        return self._next("users")

    def pairs(self, number: int) -> list[list[str]]:
        """Return names with values, as tables of properties hold them."""
        return [self._next("pairs").split("|", 1) for _ in range(number)]

    def lines(self, low: int, high: int) -> str:
        """Return lines of a program."""
        return "\n".join(self._next("code") for _ in range(self.num(low, high)))

    def say(self, part: str) -> str:
        """Return an entry of any part of the bank."""
        return self._next(part)

    def num(self, low: int, high: int) -> int:
        """Return a number from low to high."""
        return self._random.randint(low, high)

    def pick(self, choices: list[Any]) -> Any:
        """Return one of several things."""
        return self._random.choice(choices)

    def date(self) -> str:
        """Return a day of the years 2009 to 2025."""
        return f"{self.num(2009, 2025)}-{self.num(1, 12):02}-{self.num(1, 28):02}"

    def pic(self) -> str:
        """Return the name, without suffix, of a picture that no other call gives."""
        return f"p{self.num(10**7, 10**8 - 1)}"

    def c(self, name: str) -> str:
        """Return a class name as a bundler would hash it."""
        digest = hashlib.sha256(f"{self._page}/{name}".encode()).hexdigest()
        return f"{'abcdefgh'[int(digest[0], 16) % 8]}{digest[1:7]}"
