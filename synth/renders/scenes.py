"""Draw scenes: landscapes with a building, maps, and contour lines."""

from __future__ import annotations

import math
from collections.abc import Callable
from random import Random

from synth.renders.drawing import Drawing
from synth.renders.pen import (
    COLOURS,
    INK,
    WHITE,
    Colour,
    Pen,
    plural,
    ring,
    there_are,
    with_article,
)
from synth.renders.things import THINGS

SKIES: dict[str, Colour] = {
    "blue": (150, 200, 236),
    "grey": (184, 190, 196),
    "orange": (248, 186, 120),
    "dark": (28, 34, 66),
}
MEADOW, WATER = (118, 170, 84), (92, 150, 206)


def _hill(pen: Pen, height: float, phase: float, fill: Colour) -> None:
    xs = range(0, pen.width + 12, 12)
    tops = [(x, height + 16 * math.sin(x / 70 + phase)) for x in xs]
    pen.polygon([*tops, (pen.width + 12, pen.height), (0, pen.height)], fill)


def cloud(pen: Pen, x: float, y: float, size: float, fill: Colour = WHITE) -> None:
    """A cloud around (x, y), about four times `size` wide."""
    for dx, dy, r in ((-0.8, 0.15, 0.5), (0, -0.15, 0.7), (0.85, 0.1, 0.55), (0.1, 0.3, 0.5)):
        pen.disc(x + dx * size, y + dy * size, r * size, fill, 0.8)


def _windmill(pen: Pen, x: float, foot: float, turn: float) -> None:
    wall, cap = (232, 222, 200), COLOURS["brown"]
    pen.polygon([(x - 34, foot), (x - 20, foot - 110), (x + 20, foot - 110), (x + 34, foot)], wall)
    pen.polygon([(x - 25, foot - 108), (x, foot - 140), (x + 25, foot - 108)], cap)
    pen.box(x - 9, foot - 28, x + 9, foot, cap)
    for tip_x, tip_y in ring(x, foot - 116, 78, 4, turn):
        dx, dy = (tip_x - x) / 78, (tip_y - foot + 116) / 78
        root = (x + dx * 18, foot - 116 + dy * 18)
        sail = [root, (root[0] - dy * 15, root[1] + dx * 15), (tip_x - dy * 15, tip_y + dx * 15)]
        pen.polygon([*sail, (tip_x, tip_y)], (246, 240, 226))
        pen.line([(x, foot - 116), (tip_x, tip_y)], cap, 4)


def _lighthouse(pen: Pen, x: float, foot: float, _turn: float) -> None:
    for i in range(5):
        lower, upper = 24 - i * 2.4, 21.6 - i * 2.4
        y = foot - i * 24
        fill = COLOURS["red"] if i % 2 == 0 else WHITE
        top = [(x + upper, y - 24), (x - upper, y - 24)]
        pen.polygon([(x - lower, y), *top[::-1], (x + lower, y)], fill)
    pen.box(x - 10, foot - 140, x + 10, foot - 120, COLOURS["yellow"])
    pen.polygon([(x - 14, foot - 140), (x, foot - 158), (x + 14, foot - 140)], INK)


def _farmhouse(pen: Pen, x: float, foot: float, _turn: float) -> None:
    THINGS["house"](pen, x, foot - 52, 60, (214, 198, 172))


BUILDINGS: dict[str, Callable[[Pen, float, float, float], None]] = {
    "windmill": _windmill,
    "lighthouse": _lighthouse,
    "farmhouse": _farmhouse,
}


def landscape(
    rng: Random, *, building: str = "", sky: str = "", trees: int = -1, clouds: int = -1
) -> Drawing:
    """Green hills, a building, some trees, some clouds; the moon stands in a dark sky."""
    building, sky = building or rng.choice(list(BUILDINGS)), sky or rng.choice(list(SKIES))
    trees = trees if trees >= 0 else rng.randint(0, 4)
    clouds = clouds if clouds >= 0 else rng.randint(0, 3)
    pen = Pen(480, 320, SKIES[sky])
    with pen.mark("moon" if sky == "dark" else "sun"):
        pen.disc(410, 60, 26, WHITE if sky in ("dark", "grey") else (252, 232, 120))
    for i in range(clouds):
        with pen.mark("cloud"):
            x, y = 60 + i * 105 + rng.uniform(-12, 12), rng.uniform(36, 66)
            cloud(pen, x, y, rng.uniform(22, 32))
    night = sky == "dark"
    _hill(pen, 200, rng.uniform(0, 6), (60, 92, 66) if night else (146, 188, 112))
    with pen.mark(building):
        BUILDINGS[building](pen, 160, 258, rng.uniform(0.2, 1.3))
    _hill(pen, 262, rng.uniform(0, 6), (44, 76, 52) if night else MEADOW)
    for i in range(trees):
        size = rng.uniform(30, 40)
        with pen.mark("tree"):
            THINGS["tree"](pen, 262 + i * 56, 244 - size / 4, size, COLOURS["green"])
    words = f"a {building} on green hills under {with_article(sky)} sky"
    extras = [plural(n, c) for n, c in (("tree", trees), ("cloud", clouds)) if c]
    return pen.finish(
        words + (" with " + " and ".join(extras) if extras else ""),
        names=("landscape", "hills", building),
        facts=(
            f"A {building} stands on the hills.",
            f"The sky behind the {building} is {sky}.",
            there_are("tree", trees),
            there_are("cloud", clouds),
        ),
        questions=(
            ("Which building is in the picture?", building),
            ("What colour is the sky?", sky),
            ("How many trees are there?", str(trees)),
            ("How many clouds are there?", str(clouds)),
        ),
    )


def map_sheet(rng: Random, *, towns: int = 0, river: str = "") -> Drawing:
    """A plain map: a river, a road across it, towns as red dots, a north arrow."""
    towns, river = towns or rng.randint(2, 5), river or rng.choice(["north-south", "west-east"])
    pen = Pen(400, 320, (226, 234, 206))
    phase = rng.uniform(0, 6)
    if river == "north-south":
        course = [(190 + 34 * math.sin(y / 55 + phase), float(y)) for y in range(-10, 340, 10)]
        road = [(-10.0, 210.0), (140.0, 180.0), (270.0, 190.0), (410.0, 150.0)]
    else:
        course = [(float(x), 160 + 30 * math.sin(x / 60 + phase)) for x in range(-10, 420, 10)]
        road = [(170.0, -10.0), (190.0, 130.0), (215.0, 210.0), (200.0, 330.0)]
    pen.line(course, WATER, 13)
    pen.line(road, WHITE, 8)
    pen.line(road, COLOURS["orange"], 4)
    spots = [(70.0, 70.0), (90.0, 262.0), (310.0, 80.0), (320.0, 250.0), (250.0, 40.0)]
    for x, y in spots[:towns]:
        with pen.mark("town"):
            pen.disc(x, y, 9, WHITE)
            pen.disc(x, y, 7, COLOURS["red"])
    with pen.mark("north arrow"):
        pen.polygon([(370, 20), (380, 52), (370, 44), (360, 52)], INK)
        pen.text(370, 64, "N", 14)
    ends = river.replace("-", " to ")
    return pen.finish(
        f"a map with {plural('town', towns)}, a road and a river running {ends}",
        names=("map", "river", "towns", "sheet of the map"),
        facts=(
            f"The map shows {plural('town', towns)}.",
            f"The river on the map runs from {ends}.",
            "A map of towns, a road and a river.",
            "A road crosses the river on the map.",
        ),
        questions=(
            ("How many towns are on the map?", str(towns)),
            ("From where to where does the river run?", ends),
            ("What crosses the river?", "a road"),
        ),
    )


def contours(rng: Random, *, summits: int = 0) -> Drawing:
    """Contour lines around one or two summits, each marked by a triangle."""
    summits = summits or rng.randint(1, 2)
    pen = Pen(400, 320, (240, 236, 218))
    centres = [(200.0, 160.0)] if summits == 1 else [(120.0, 160.0), (285.0, 150.0)]
    widest = 130 if summits == 1 else 74
    for x, y in centres:
        wobble = rng.uniform(0, 6)
        for level in range(5):
            r = widest * (1 - level / 5)
            circle = ring(x, y, r, 60)
            edge = [(px + 5 * math.sin(i / 5 + wobble), py) for i, (px, py) in enumerate(circle)]
            pen.line([*edge, edge[0]], COLOURS["brown"], 2)
        with pen.mark("summit"):
            pen.polygon(ring(x, y, 8, 3), INK)
    return pen.finish(
        f"a map of contour lines around {plural('summit', summits)}",
        names=("contour lines", "summit", "height lines", "map of the height lines"),
        facts=(
            f"{plural('summit', summits).capitalize()} with contour lines around.",
            f"The contour lines of the map close around {plural('summit', summits)}.",
            f"A map of {plural('hill', summits)}, drawn in brown contour lines.",
        ),
        questions=(
            ("How many summits are on the map?", str(summits)),
            ("What colour are the contour lines?", "brown"),
            ("What do the lines show?", "the height of the ground"),
        ),
    )
