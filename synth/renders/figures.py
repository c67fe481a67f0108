"""Draw symbols and figures: the moon, weather, warnings, polygons, triangles and patterns."""

from __future__ import annotations

import math
from random import Random

from synth.renders.drawing import Drawing
from synth.renders.pen import COLOURS, INK, PAPER, WHITE, Pen, ring
from synth.renders.scenes import cloud


def moon(rng: Random, *, phase: str = "") -> Drawing:
    """One of four phases of the moon, as seen from the northern hemisphere."""
    phase = phase or rng.choice(["crescent moon", "half moon", "gibbous moon", "full moon"])
    pen, dark, light = Pen(300, 300, (18, 22, 48)), (44, 48, 70), (246, 242, 220)
    for _ in range(24):
        x, y = rng.uniform(0, 300), rng.uniform(0, 300)
        if math.hypot(x - 150, y - 150) > 112:
            pen.disc(x, y, rng.uniform(0.8, 2.2), WHITE)
    with pen.mark("moon"):
        pen.disc(150, 150, 96, light if phase == "full moon" else dark)
        squash = {"crescent moon": 0.6, "gibbous moon": -0.6, "half moon": 0.0}.get(phase)
        if squash is not None:
            limb = ring(150, 150, 96, 120)[:61]
            inner = [(150 + (x - 150) * squash, y) for x, y in limb]
            pen.polygon(limb + inner[::-1], light)
    lit = "all of it" if phase == "full moon" else "its right side"
    return pen.finish(
        f"a {phase} in a dark sky with small stars",
        names=("moon", phase, "stars", "night sky"),
        facts=(
            f"The moon is a {phase}.",
            f"The {phase} stands among the stars at night.",
            f"The moon is lit on {lit}." if phase != "full moon" else "All of the moon is lit.",
        ),
        questions=(
            ("Which phase of the moon is it?", phase),
            ("Which part of the moon is lit?", lit),
        ),
    )


_WEATHER = {
    "sun": "a yellow sun with twelve rays",
    "cloud": "a white cloud",
    "rain": "a grey cloud with blue rain",
    "snow": "a grey cloud with white snow",
    "lightning": "a grey cloud with yellow lightning",
}


def weather(rng: Random, *, kind: str = "") -> Drawing:
    """A weather symbol: sun, cloud, rain, snow or lightning."""
    kind = kind or rng.choice(list(_WEATHER))
    pen = Pen(300, 280, (224, 236, 246))
    if kind == "sun":
        with pen.mark("sun"):
            for x, y in ring(150, 140, 110, 12):
                pen.line([(150, 140), (x, y)], COLOURS["orange"], 8)
            pen.disc(150, 140, 68, COLOURS["yellow"])
    else:
        with pen.mark("cloud"):
            cloud(pen, 150, 110, 70, COLOURS["grey"] if kind != "cloud" else WHITE)
        _falling(pen, kind)
    sky = {"sun": "sunny", "cloud": "cloudy", "lightning": "a thunderstorm"}.get(kind, kind)
    return pen.finish(
        f"a weather symbol of {_WEATHER[kind]}",
        names=("weather symbol", "weather", kind),
        facts=(
            f"The symbol for {kind}.",
            f"The weather symbol shows {_WEATHER[kind]}.",
            f"Weather: {sky}.",
        ),
        questions=(
            ("Which weather does the symbol stand for?", kind),
            ("What does the symbol show?", _WEATHER[kind]),
        ),
    )


def _falling(pen: Pen, kind: str) -> None:
    """What comes out of the cloud."""
    for i in range(5 if kind in ("rain", "snow") else 0):
        x, y = 80 + i * 35, 205 + (i % 2) * 24
        if kind == "rain":
            pen.line([(x + 8, y - 14), (x - 4, y + 16)], COLOURS["blue"], 6)
        else:
            pen.disc(x, y, 9, WHITE)
    if kind == "lightning":
        bolt = [(160, 165), (120, 215), (146, 215), (128, 262), (182, 200), (154, 200), (176, 165)]
        with pen.mark("lightning"):
            pen.polygon(bolt, COLOURS["yellow"])


_WARNINGS = {"!": "danger", "?": "the unknown", "STOP": "going on", "SLOW": "speed", "ICE": "ice"}


def warning(rng: Random, *, word: str = "") -> Drawing:
    """A warning sign on a pole: a red-edged triangle with a word or an exclamation mark."""
    word = word or rng.choice(list(_WARNINGS))
    x, y, r = rng.uniform(130, 190), rng.uniform(130, 160), rng.uniform(90, 120)
    pen = Pen(320, 320, rng.choice([(206, 226, 240), (226, 234, 206), PAPER, (236, 224, 206)]))
    pen.box(x - 6, y + r * 0.4, x + 6, 320, COLOURS["grey"])
    with pen.mark("warning sign"):
        pen.polygon(ring(x, y, r, 3), COLOURS["red"])
        pen.polygon(ring(x, y, r * 0.74, 3), rng.choice([WHITE, COLOURS["yellow"]]))
        pen.text(x, y + r * 0.1, word, r * (0.6 if len(word) == 1 else 0.25))
    return pen.finish(
        f"a red warning sign with {word} in black",
        names=("warning sign", "warning", "danger", "red triangle"),
        facts=(
            f"A warning sign: {word}",
            f"The triangular sign warns of {_WARNINGS[word]}.",
            "A red triangle on a pole is a warning.",
        ),
        questions=(
            ("What is on the warning sign?", word),
            ("Which shape does the sign have?", "triangle"),
            ("What colour is the edge of the sign?", "red"),
        ),
    )


def polygon(rng: Random, *, sides: int = 0, colour: str = "") -> Drawing:
    """A regular polygon with its corners lettered."""
    sides, colour = sides or rng.randint(3, 8), colour or rng.choice(["red", "blue", "green"])
    shapes = ["triangle", "square", "pentagon", "hexagon", "heptagon", "octagon"]
    pen, turn = Pen(320, 320), math.pi / 4 if sides == 4 else 0.0
    corners = ring(160, 165, 112, sides, turn)
    shape = shapes[sides - 3]
    with pen.mark(f"{colour} {shape}"):
        pen.polygon(corners, COLOURS[colour])
        pen.line([*corners, corners[0], corners[1]], INK, 3)
    for letter, (x, y) in zip("ABCDEFGH", ring(160, 165, 136, sides, turn), strict=False):
        pen.text(x, y, letter, 18)
    return pen.finish(
        f"a regular {colour} {shape} with lettered corners",
        names=(shape, f"{colour} {shape}", "polygon", "corners"),
        facts=(
            f"The {shape} is {colour}.",
            f"A regular {shape} has {sides} equal sides.",
            f"The {sides} corners of the {shape} are lettered A to {'ABCDEFGH'[sides - 1]}.",
        ),
        questions=(
            ("Which shape is it?", shape),
            ("How many sides does it have?", str(sides)),
            (f"What colour is the {shape}?", colour),
        ),
    )


def right_triangle(rng: Random, *, legs: tuple[int, int] = (0, 0)) -> Drawing:
    """A right-angled triangle; the length of each leg is printed beside it."""
    across, up = legs if all(legs) else (rng.randint(3, 9), rng.randint(3, 6))
    pen, unit = Pen(380, 300), min(290 / across, 210 / up)
    x, y = 60 + across * unit, 250 - up * unit
    with pen.mark("triangle"):
        pen.polygon([(60, 250), (x, 250), (60, y)], (198, 216, 240))
        pen.line([(60, 250), (x, 250), (60, y), (60, 250), (x, 250)], INK, 3)
    pen.line([(78, 250), (78, 232), (60, 232)], INK, 2)
    pen.text((60 + x) / 2, 274, str(across), 20)
    pen.text(36, (250 + y) / 2, str(up), 20)
    return pen.finish(
        f"a right-angled triangle with legs of {across} and {up}",
        names=("triangle", "right-angled triangle", "legs of the triangle", "right angle"),
        facts=(
            f"The legs of the triangle are {across} and {up}.",
            f"A triangle with a right angle: {across} across and {up} up.",
            "A right-angled triangle whose legs are numbered.",
        ),
        questions=(
            ("How long is the leg at the bottom?", str(across)),
            ("How long is the leg on the left?", str(up)),
            ("Which shape is it?", "right-angled triangle"),
        ),
    )


_PATTERNS = {
    "striped": "stripes",
    "chequered": "checks",
    "dotted": "dots",
    "honeycomb": "hexagons like a honeycomb",
}


def pattern(rng: Random, *, kind: str = "", colours: tuple[str, str] = ("", "")) -> Drawing:
    """A flat pattern of two colours: stripes, checks, dots or hexagon tiles."""
    kind = kind or rng.choice(list(_PATTERNS))
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
    return pen.finish(
        f"a {kind} pattern of {first} and {second}",
        names=("pattern", f"{kind} pattern", _PATTERNS[kind]),
        facts=(
            f"The pattern is {kind}, in {first} and {second}.",
            f"{_PATTERNS[kind].capitalize()} in {first} and {second}.",
            f"A pattern of {_PATTERNS[kind]}.",
        ),
        questions=(
            ("Which pattern is it?", kind),
            ("Which two colours does the pattern have?", f"{first} and {second}"),
        ),
    )
