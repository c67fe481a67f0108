"""Draw parts of mills: gears, water wheels and millstones."""

from __future__ import annotations

import math
from random import Random

from synth.renders.drawing import Drawing
from synth.renders.pen import COLOURS, INK, PAPER, WHITE, Colour, Pen, ring
from synth.renders.scenes import WATER


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
        with pen.mark("orange gear" if fill == fills[0] else "blue gear"):
            _gear(pen, x, r, teeth, turn, fill)
    slow, quick = ("blue", "orange") if right > left else ("orange", "blue")
    alike = left == right
    return pen.finish(
        f"two meshing gears, an orange one of {left} teeth and a blue one of {right}",
        names=("gears", "teeth", "gear wheels", "cogs"),
        facts=(
            f"The orange gear has {left} teeth, the blue gear {right}.",
            "Both gears turn equally fast." if alike else f"The {quick} gear turns faster.",
            f"Gears of {left} and {right} teeth.",
        ),
        questions=(
            ("How many teeth does the orange gear have?", str(left)),
            ("How many teeth does the blue gear have?", str(right)),
            ("Which gear is larger?", "neither" if alike else slow),
        ),
    )


def _gear(pen: Pen, x: float, r: float, teeth: int, turn: float, fill: Colour) -> None:
    """A gear of pitch radius `r`, its first tooth at `turn` radians from the top."""
    depth, half = r / teeth * 0.9, math.tau / teeth / 4
    for i in range(teeth):
        a = turn + math.tau * i / teeth
        corners = ((r - depth, -half), (r + depth, -half / 2), (r + depth, half / 2))
        tooth = [*corners, (r - depth, half)]
        pen.polygon([ring(x, 140, far, 1, a + off)[0] for far, off in tooth], fill)
    pen.disc(x, 140, r - depth + 1, fill)
    pen.disc(x, 140, max(8.0, r * 0.16), PAPER)
    pen.text(x, 140 - r * 0.5, str(teeth), 18, WHITE)


def water_wheel(rng: Random, *, paddles: int = 0, turn: float = 0.0) -> Drawing:
    """A wooden water wheel standing in a stream, turned by `turn` radians."""
    paddles = paddles or rng.choice([8, 10, 12, 16])
    pen, wood = Pen(360, 320, (206, 226, 240)), COLOURS["brown"]
    pen.box(0, 250, 360, 320, WATER)
    with pen.mark("water wheel"):
        for x, y in ring(180, 158, 128, paddles, turn):
            pen.line([(180, 158), (x, y)], wood, 7)
            dx, dy = (x - 180) / 128, (y - 158) / 128
            pen.line([(x - dx * 30, y - dy * 30), (x, y)], INK, 11)
        for r in (104, 84):
            pen.line([*ring(180, 158, r, 72), (180, 158 - r)], wood, 8)
        pen.disc(180, 158, 16, INK)
    pen.box(0, 272, 360, 320, WATER)
    return pen.finish(
        f"a wooden water wheel with {paddles} paddles turning in a stream",
        names=("water wheel", "paddles", "mill wheel", "stream"),
        facts=(
            f"The water wheel has {paddles} paddles.",
            "A water wheel stands in the stream.",
            f"The stream turns a brown wooden wheel of {paddles} paddles.",
        ),
        questions=(
            ("How many paddles does the wheel have?", str(paddles)),
            ("What turns the wheel?", "a stream"),
            ("What is the wheel made of?", "wood"),
        ),
    )


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
    with pen.mark("eye of the millstone"):
        pen.disc(170, 170, 30, INK)
    return pen.finish(
        f"the face of a round grey millstone with furrows in {harps} harps",
        names=("millstone", "furrows", "stone", "harps"),
        facts=(
            f"The furrows of the millstone are cut in {harps} harps.",
            "A round grey millstone with a black hole, its eye, in the middle.",
            f"The face of the stone has {harps} harps of three furrows each.",
        ),
        questions=(
            ("How many harps does the millstone have?", str(harps)),
            ("How many furrows does each harp have?", "3"),
            ("What colour is the millstone?", "grey"),
        ),
    )
