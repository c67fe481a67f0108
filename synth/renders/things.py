"""Draw things: so many of a kind and colour, or two and where one stands to the other."""

from __future__ import annotations

import math
from collections.abc import Callable
from random import Random

from synth.renders.drawing import Drawing
from synth.renders.pen import (
    COLOURS,
    INK,
    PAPER,
    WHITE,
    Colour,
    Pen,
    nouns,
    plural,
    ring,
    there_are,
    with_article,
)

# --- single things, drawn around (x, y) within radius r -------------------------------------------


def _star(pen: Pen, x: float, y: float, r: float, fill: Colour) -> None:
    outer, inner = ring(x, y, r, 5), ring(x, y, r * 0.42, 5, math.pi / 5)
    pen.polygon([p for pair in zip(outer, inner, strict=True) for p in pair], fill)


def _apple(pen: Pen, x: float, y: float, r: float, fill: Colour) -> None:
    for side in (-0.32, 0.32):
        pen.disc(x + side * r, y + 0.15 * r, r * 0.66, fill, 1.15)
    pen.line([(x, y - r * 0.4), (x + r * 0.12, y - r * 0.95)], COLOURS["brown"], r * 0.12)
    pen.disc(x + r * 0.42, y - r * 0.78, r * 0.28, COLOURS["green"], 0.5)


def _fish(pen: Pen, x: float, y: float, r: float, fill: Colour) -> None:
    pen.polygon([(x + r * 0.4, y), (x + r, y - r * 0.5), (x + r, y + r * 0.5)], fill)
    pen.disc(x - r * 0.2, y, r * 0.75, fill, 0.55)
    pen.disc(x - r * 0.55, y - r * 0.1, r * 0.1, WHITE)


def _house(pen: Pen, x: float, y: float, r: float, fill: Colour) -> None:
    pen.box(x - r * 0.7, y - r * 0.1, x + r * 0.7, y + r * 0.9, fill)
    pen.polygon([(x - r * 0.95, y), (x, y - r * 0.9), (x + r * 0.95, y)], COLOURS["brown"])
    pen.box(x - r * 0.16, y + r * 0.35, x + r * 0.2, y + r * 0.9, PAPER)


def _boat(pen: Pen, x: float, y: float, r: float, fill: Colour) -> None:
    hull = [(x - r, y + r * 0.3), (x + r, y + r * 0.3), (x + r * 0.6, y + r * 0.8)]
    pen.polygon([*hull, (x - r * 0.6, y + r * 0.8)], fill)
    pen.line([(x, y + r * 0.3), (x, y - r)], COLOURS["brown"], r * 0.1)
    pen.polygon([(x + r * 0.1, y - r), (x + r * 0.1, y + r * 0.15), (x + r * 0.8, y)], PAPER)
    pen.line([(x + r * 0.1, y - r), (x + r * 0.8, y), (x + r * 0.1, y + r * 0.15)], INK, 1)


def _leaf(pen: Pen, x: float, y: float, r: float, fill: Colour) -> None:
    edge = [math.sin(math.pi * i / 12) * r * 0.5 for i in range(13)]
    spine = [y - r + i * r * 1.7 / 12 for i in range(13)]
    left = [(x - e, s) for e, s in zip(edge, spine, strict=True)]
    right = [(x + e, s) for e, s in zip(edge, spine, strict=True)]
    pen.polygon(left + right[::-1], fill)
    pen.line([(x, y - r * 0.8), (x, y + r)], INK, r * 0.06)


def _flower(pen: Pen, x: float, y: float, r: float, fill: Colour) -> None:
    pen.line([(x, y), (x, y + r)], COLOURS["green"], r * 0.1)
    for px, py in ring(x, y - r * 0.25, r * 0.42, 6):
        pen.disc(px, py, r * 0.27, fill)
    centre = COLOURS["brown" if fill == COLOURS["yellow"] else "yellow"]
    pen.disc(x, y - r * 0.25, r * 0.24, centre)


def _tree(pen: Pen, x: float, y: float, r: float, fill: Colour) -> None:
    pen.box(x - r * 0.12, y, x + r * 0.12, y + r, COLOURS["brown"])
    for dx, dy in ((0, -0.5), (-0.36, -0.1), (0.36, -0.1)):
        pen.disc(x + dx * r, y + dy * r, r * 0.48, fill)


Thing = Callable[[Pen, float, float, float, Colour], None]
THINGS: dict[str, Thing] = {
    "star": _star,
    "apple": _apple,
    "fish": _fish,
    "house": _house,
    "boat": _boat,
    "leaf": _leaf,
    "flower": _flower,
    "tree": _tree,
    "circle": lambda pen, x, y, r, fill: pen.disc(x, y, r * 0.9, fill),
    "square": lambda pen, x, y, r, fill: pen.box(
        x - r * 0.8, y - r * 0.8, x + r * 0.8, y + r * 0.8, fill
    ),
    "triangle": lambda pen, x, y, r, fill: pen.polygon(ring(x, y, r, 3), fill),
    "hexagon": lambda pen, x, y, r, fill: pen.polygon(ring(x, y, r * 0.95, 6), fill),
}


# --- whole pictures -------------------------------------------------------------------------------


def things(rng: Random, *, thing: str = "", colour: str = "", count: int = 0) -> Drawing:
    """One to nine of the same thing, strewn over a plain ground without overlap."""
    thing, colour = thing or rng.choice(list(THINGS)), colour or rng.choice(list(COLOURS))
    count = count or rng.randint(1, 9)
    columns = rows = math.ceil(math.sqrt(count))
    pen = Pen(360, 300, PAPER)
    cell_w, cell_h = 360 / columns, 300 / rows
    r = min(cell_w, cell_h) * 0.38
    for cell in rng.sample(range(columns * rows), count):
        x = (cell % columns + 0.5) * cell_w + rng.uniform(-1, 1) * (cell_w / 2 - r) * 0.8
        y = (cell // columns + 0.5) * cell_h + rng.uniform(-1, 1) * (cell_h / 2 - r) * 0.8
        with pen.mark(f"{colour} {thing}"):
            THINGS[thing](pen, x, y, r, COLOURS[colour])
    number, noun = plural(thing, count).split(" ", 1)
    are = "is" if count == 1 else "are"
    return pen.finish(
        f"{number} {colour} {noun} on a plain background",
        names=(noun, f"{colour} {noun}", nouns(thing, 2)),
        facts=(
            there_are(f"{colour} {thing}", count),
            f"{number.capitalize()} {noun} in {colour}.",
            f"The {noun} {are} {colour}.",
        ),
        questions=(
            (f"How many {nouns(thing, 2)} are there?", str(count)),
            (f"What colour {are} the {noun}?", colour),
            ("What does the picture show?", f"{number} {colour} {noun}"),
        ),
    )


def pair(rng: Random, *, first: str = "", second: str = "", side: str = "") -> Drawing:
    """Two things and where one stands to the other; a thing is given as `colour thing`."""
    names = rng.sample(list(THINGS), 2)
    first = first or f"{rng.choice(list(COLOURS))} {names[0]}"
    second = second or f"{rng.choice(list(COLOURS))} {names[1]}"
    side = side or rng.choice(["to the left of", "above"])
    places = [(100.0, 150.0), (260.0, 150.0)]
    if side == "above":
        places = [(180.0, 80.0), (180.0, 222.0)]
    pen = Pen(360, 300, PAPER)
    for (x, y), name in zip(places, (first, second), strict=True):
        colour, thing = name.split()
        with pen.mark(name):
            THINGS[thing](pen, x, y, 66, COLOURS[colour])
    return pen.finish(
        f"{with_article(first)} {side} {with_article(second)}",
        names=(first, second, first.split()[1], second.split()[1]),
        facts=_facts_of_pair(first, second, side),
        questions=(
            (f"What is {side} the {second}?", first),
            (f"What is {_OPPOSITE[side]} the {first}?", second),
            (f"What colour is the {first.split()[1]}?", first.split()[0]),
            (f"What colour is the {second.split()[1]}?", second.split()[0]),
        ),
    )


_OPPOSITE = {"to the left of": "to the right of", "above": "below"}


def _facts_of_pair(first: str, second: str, side: str) -> tuple[str, ...]:
    return (
        f"The {first} is {side} the {second}.",
        f"The {second} is {_OPPOSITE[side]} the {first}.",
        f"There is {with_article(first)} and {with_article(second)}.",
    )
