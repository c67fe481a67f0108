"""Draw small scenes and instruments: landscapes, maps, gears, mill wheels, the moon, weather.

The same contract as `examples.draw`: `(seeded generator) -> (image, caption)`, deterministic.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from random import Random

from examples.draw import (
    COLOURS,
    DRAWINGS,
    INK,
    PAPER,
    THINGS,
    WHITE,
    Colour,
    Drawing,
    Pen,
    plural,
    ring,
    with_article,
)

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


def _cloud(pen: Pen, x: float, y: float, size: float, fill: Colour = WHITE) -> None:
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
    pen.disc(410, 60, 26, WHITE if sky in ("dark", "grey") else (252, 232, 120))
    for i in range(clouds):
        _cloud(pen, 60 + i * 105 + rng.uniform(-12, 12), rng.uniform(36, 66), rng.uniform(22, 32))
    night = sky == "dark"
    _hill(pen, 200, rng.uniform(0, 6), (60, 92, 66) if night else (146, 188, 112))
    BUILDINGS[building](pen, 160, 258, rng.uniform(0.2, 1.3))
    _hill(pen, 262, rng.uniform(0, 6), (44, 76, 52) if night else MEADOW)
    for i in range(trees):
        size = rng.uniform(30, 40)
        THINGS["tree"](pen, 262 + i * 56, 244 - size / 4, size, COLOURS["green"])
    words = f"a {building} on green hills under {with_article(sky)} sky"
    extras = [plural(n, c) for n, c in (("tree", trees), ("cloud", clouds)) if c]
    return pen.finish(), words + (" with " + " and ".join(extras) if extras else "")


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
        pen.disc(x, y, 9, WHITE)
        pen.disc(x, y, 7, COLOURS["red"])
    pen.polygon([(370, 20), (380, 52), (370, 44), (360, 52)], INK)
    pen.text(370, 64, "N", 14)
    ends = river.replace("-", " to ")
    return (
        pen.finish(),
        f"a map with {plural('town', towns)}, a road and a river running {ends}",
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
        pen.polygon(ring(x, y, 8, 3), INK)
    return pen.finish(), f"a map of contour lines around {plural('summit', summits)}"


def gears(rng: Random, *, left: int = 0, right: int = 0) -> Drawing:
    """Two meshing gears, their sizes in the ratio of their teeth; the counts are printed."""
    left, right = left or rng.choice([8, 12, 16]), right or rng.choice([10, 20, 24])
    pen = Pen(440, 280, PAPER)
    module = 190 / (left + right)
    r_left, r_right = left * module, right * module
    start = (440 - 2 * (r_left + r_right)) / 2
    fills = (COLOURS["orange"], COLOURS["blue"])
    for x, r, teeth, fill, turn in (
        (start + r_left, r_left, left, fills[0], math.pi / 2),
        (start + 2 * r_left + r_right, r_right, right, fills[1], -math.pi / 2 + math.pi / right),
    ):
        depth, half = module * 0.9, math.tau / teeth / 4
        for i in range(teeth):
            a = turn + math.tau * i / teeth
            corners = ((r - depth, -half), (r + depth, -half / 2), (r + depth, half / 2))
            tooth = [*corners, (r - depth, half)]
            pen.polygon([ring(x, 140, far, 1, a + off)[0] for far, off in tooth], fill)
        pen.disc(x, 140, r - depth + 1, fill)
        pen.disc(x, 140, max(8.0, r * 0.16), PAPER)
        pen.text(x, 140 - r * 0.5, str(teeth), 18, WHITE)
    words = f"two meshing gears, an orange one of {left} teeth and a blue one of {right}"
    return pen.finish(), words


def water_wheel(rng: Random, *, paddles: int = 0, turn: float = 0.0) -> Drawing:
    """A wooden water wheel standing in a stream, turned by `turn` radians."""
    paddles = paddles or rng.choice([8, 10, 12, 16])
    pen, wood = Pen(360, 320, (206, 226, 240)), COLOURS["brown"]
    pen.box(0, 250, 360, 320, WATER)
    for x, y in ring(180, 158, 128, paddles, turn):
        pen.line([(180, 158), (x, y)], wood, 7)
        dx, dy = (x - 180) / 128, (y - 158) / 128
        pen.line([(x - dx * 30, y - dy * 30), (x, y)], INK, 11)
    for r in (104, 84):
        pen.line([*ring(180, 158, r, 72), (180, 158 - r)], wood, 8)
    pen.disc(180, 158, 16, INK)
    pen.box(0, 272, 360, 320, WATER)
    return pen.finish(), f"a wooden water wheel with {paddles} paddles turning in a stream"


def millstone(rng: Random, *, harps: int = 0) -> Drawing:
    """The face of a millstone: furrows in groups, called harps, around the eye."""
    harps = harps or rng.choice([8, 10, 12])
    pen = Pen(340, 340, PAPER)
    pen.disc(170, 170, 158, (172, 166, 156))
    for i in range(harps):
        a = math.tau * i / harps
        for j in range(3):
            inner = ring(170, 170, 40 + j * 34, 1, a + j * 0.13)[0]
            outer = ring(170, 170, 152, 1, a + 0.32 + j * math.tau / harps / 3.2)[0]
            pen.line([inner, outer], (92, 86, 80), 4)
    pen.disc(170, 170, 30, INK)
    return pen.finish(), f"the face of a round grey millstone with furrows in {harps} harps"


def moon(rng: Random, *, phase: str = "") -> Drawing:
    """One of four phases of the moon, as seen from the northern hemisphere."""
    phase = phase or rng.choice(["crescent moon", "half moon", "gibbous moon", "full moon"])
    pen, dark, light = Pen(300, 300, (18, 22, 48)), (44, 48, 70), (246, 242, 220)
    for _ in range(24):
        x, y = rng.uniform(0, 300), rng.uniform(0, 300)
        if math.hypot(x - 150, y - 150) > 112:
            pen.disc(x, y, rng.uniform(0.8, 2.2), WHITE)
    pen.disc(150, 150, 96, light if phase == "full moon" else dark)
    squash = {"crescent moon": 0.6, "gibbous moon": -0.6, "half moon": 0.0}.get(phase)
    if squash is not None:
        limb = ring(150, 150, 96, 120)[:61]
        inner = [(150 + (x - 150) * squash, y) for x, y in limb]
        pen.polygon(limb + inner[::-1], light)
    return pen.finish(), f"a {phase} in a dark sky with small stars"


def weather(rng: Random, *, kind: str = "") -> Drawing:
    """A weather symbol: sun, cloud, rain, snow or lightning."""
    kind = kind or rng.choice(["sun", "cloud", "rain", "snow", "lightning"])
    pen = Pen(300, 280, (224, 236, 246))
    if kind == "sun":
        for x, y in ring(150, 140, 110, 12):
            pen.line([(150, 140), (x, y)], COLOURS["orange"], 8)
        pen.disc(150, 140, 68, COLOURS["yellow"])
        return pen.finish(), "a weather symbol of a yellow sun with twelve rays"
    _cloud(pen, 150, 110, 70, COLOURS["grey"] if kind != "cloud" else WHITE)
    for i in range(5 if kind in ("rain", "snow") else 0):
        x, y = 80 + i * 35, 205 + (i % 2) * 24
        if kind == "rain":
            pen.line([(x + 8, y - 14), (x - 4, y + 16)], COLOURS["blue"], 6)
        else:
            pen.disc(x, y, 9, WHITE)
    if kind == "lightning":
        bolt = [(160, 165), (120, 215), (146, 215), (128, 262), (182, 200), (154, 200), (176, 165)]
        pen.polygon(bolt, COLOURS["yellow"])
    falling = {"rain": "a grey cloud with blue rain", "snow": "a grey cloud with white snow"}
    named = falling | {"lightning": "a grey cloud with yellow lightning", "cloud": "a white cloud"}
    return pen.finish(), f"a weather symbol of {named[kind]}"


def polygon(rng: Random, *, sides: int = 0, colour: str = "") -> Drawing:
    """A regular polygon with its corners lettered."""
    sides, colour = sides or rng.randint(3, 8), colour or rng.choice(["red", "blue", "green"])
    shapes = ["triangle", "square", "pentagon", "hexagon", "heptagon", "octagon"]
    pen, turn = Pen(320, 320), math.pi / 4 if sides == 4 else 0.0
    corners = ring(160, 165, 112, sides, turn)
    pen.polygon(corners, COLOURS[colour])
    pen.line([*corners, corners[0], corners[1]], INK, 3)
    for letter, (x, y) in zip("ABCDEFGH", ring(160, 165, 136, sides, turn), strict=False):
        pen.text(x, y, letter, 18)
    return pen.finish(), f"a regular {colour} {shapes[sides - 3]} with lettered corners"


def right_triangle(rng: Random, *, legs: tuple[int, int] = (0, 0)) -> Drawing:
    """A right-angled triangle; the length of each leg is printed beside it."""
    across, up = legs if all(legs) else (rng.randint(3, 9), rng.randint(3, 6))
    pen, unit = Pen(380, 300), min(290 / across, 210 / up)
    x, y = 60 + across * unit, 250 - up * unit
    pen.polygon([(60, 250), (x, 250), (60, y)], (198, 216, 240))
    pen.line([(60, 250), (x, 250), (60, y), (60, 250), (x, 250)], INK, 3)
    pen.line([(78, 250), (78, 232), (60, 232)], INK, 2)
    pen.text((60 + x) / 2, 274, str(across), 20)
    pen.text(36, (250 + y) / 2, str(up), 20)
    return pen.finish(), f"a right-angled triangle with legs of {across} and {up}"


def pattern(rng: Random, *, kind: str = "", colours: tuple[str, str] = ("", "")) -> Drawing:
    """A flat pattern of two colours: stripes, checks, dots or hexagon tiles."""
    kind = kind or rng.choice(["striped", "chequered", "dotted", "honeycomb"])
    first, second = colours if all(colours) else rng.sample(list(COLOURS), 2)
    pen, ink = Pen(320, 320, COLOURS[first]), COLOURS[second]
    for row in range(10):
        for column in range(9):
            x, y = column * 40, row * 40
            odd = {"striped": row % 2, "chequered": (row + column) % 2}
            if odd.get(kind):
                pen.box(x, y, x + 40, y + 40, ink)
            elif kind == "dotted":
                pen.disc(x + 20, y + 20, 11, ink)
            elif kind == "honeycomb":
                pen.polygon(ring(x + 20 * (row % 2), y * 0.86, 21, 6), ink)
    return pen.finish(), f"a {kind} pattern of {first} and {second}"


SCENES: tuple[Callable[[Random], Drawing], ...] = (
    *DRAWINGS,
    landscape,
    map_sheet,
    contours,
    gears,
    water_wheel,
    millstone,
    moon,
    weather,
    polygon,
    right_triangle,
    pattern,
)


def draw(rng: Random) -> Drawing:
    """Any picture of this module or of `examples.draw`, drawn from the generator."""
    return rng.choice(SCENES)(rng)
