"""Draw small pictures from a seeded generator, each with a caption that is true of it.

Every function takes a `random.Random` and returns `(image, caption)`: an RGB picture, 240-480 px a
side, and one English phrase. What a caller leaves out is drawn from the generator, so the same seed
gives the same pixels. Shapes are drawn at twice the size and averaged down: smooth edges.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

import matplotlib
from PIL import Image, ImageDraw, ImageFont

Drawing = tuple[Image.Image, str]
Colour = tuple[int, int, int]
Point = tuple[float, float]

COLOURS: dict[str, Colour] = {
    "red": (206, 48, 48),
    "orange": (238, 138, 34),
    "yellow": (246, 208, 52),
    "green": (52, 142, 70),
    "blue": (44, 98, 190),
    "purple": (126, 66, 158),
    "pink": (238, 138, 176),
    "brown": (126, 84, 48),
    "black": (32, 32, 36),
    "grey": (132, 136, 142),
}
NUMBERS = [
    "no",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
]
INK, WHITE, PAPER = COLOURS["black"], (255, 255, 255), (250, 247, 238)
_FONT = Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans-Bold.ttf"
_OVERSAMPLING = 2


class Pen:
    """A drawing surface measured in pixels of the finished picture, oversampled inside."""

    def __init__(self, width: int, height: int, paper: Colour = WHITE) -> None:
        self.width, self.height = width, height
        self._image = Image.new("RGB", (width * _OVERSAMPLING, height * _OVERSAMPLING), paper)
        self._draw = ImageDraw.Draw(self._image)

    def _scaled(self, points: Sequence[Point]) -> list[Point]:
        return [(x * _OVERSAMPLING, y * _OVERSAMPLING) for x, y in points]

    def disc(self, x: float, y: float, r: float, fill: Colour, squash: float = 1.0) -> None:
        """Fill a disc of radius `r`; `squash` scales its height."""
        corners = self._scaled([(x - r, y - r * squash), (x + r, y + r * squash)])
        self._draw.ellipse(corners, fill=fill)

    def box(self, x0: float, y0: float, x1: float, y1: float, fill: Colour) -> None:
        """Fill an upright rectangle."""
        self._draw.rectangle(self._scaled([(x0, y0), (x1, y1)]), fill=fill)

    def polygon(self, points: Sequence[Point], fill: Colour) -> None:
        """Fill a polygon."""
        self._draw.polygon(self._scaled(points), fill=fill)

    def line(self, points: Sequence[Point], fill: Colour = INK, width: float = 3) -> None:
        """Draw a line through the points."""
        pen = round(width * _OVERSAMPLING)
        self._draw.line(self._scaled(points), fill=fill, width=pen, joint="curve")

    def sector(self, x: float, y: float, r: float, start: float, end: float, fill: Colour) -> None:
        """Fill a slice of a disc; degrees clockwise from three o'clock."""
        corners = self._scaled([(x - r, y - r), (x + r, y + r)])
        self._draw.pieslice(corners, start, end, fill=fill)

    def text(self, x: float, y: float, words: str, size: float, fill: Colour = INK) -> None:
        """Print words centred on (x, y)."""
        # Basic layout: the other engine depends on libraries of the machine and so on its pixels.
        font = ImageFont.truetype(
            str(_FONT), round(size * _OVERSAMPLING), layout_engine=ImageFont.Layout.BASIC
        )
        self._draw.text(self._scaled([(x, y)])[0], words, fill=fill, font=font, anchor="mm")

    def finish(self) -> Image.Image:
        """Return the picture at its finished size."""
        return self._image.reduce(_OVERSAMPLING)


def ring(x: float, y: float, r: float, count: int, turn: float = 0.0) -> list[Point]:
    """`count` points on a circle, clockwise from the top, turned by `turn` radians."""
    angles = [turn + math.tau * i / count for i in range(count)]
    return [(x + r * math.sin(a), y - r * math.cos(a)) for a in angles]


def with_article(noun: str) -> str:
    """`an orange fish`, `a blue house`."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def plural(noun: str, count: int) -> str:
    """`three leaves`, `one fish`: a number word and its noun."""
    irregular = {"leaf": "leaves", "fish": "fish"}
    many = irregular.get(noun, noun + "s")
    return f"{NUMBERS[count]} {noun if count == 1 else many}"


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
        THINGS[thing](pen, x, y, r, COLOURS[colour])
    number, noun = plural(thing, count).split(" ", 1)
    return pen.finish(), f"{number} {colour} {noun} on a plain background"


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
        THINGS[thing](pen, x, y, 66, COLOURS[colour])
    return pen.finish(), f"{with_article(first)} {side} {with_article(second)}"


def bars(
    rng: Random, *, title: str = "", names: Sequence[str] = (), values: Sequence[float] = ()
) -> Drawing:
    """A bar chart with a title, a name under each bar and its value above it."""
    title = title or rng.choice(["Rain in mm", "Bags of flour", "Visitors", "Hours of sun"])
    names = names or ["Jan", "Feb", "Mar", "Apr", "May", "Jun"][: rng.randint(3, 6)]
    values = values or rng.sample(range(5, 96), len(names))
    fill = COLOURS[rng.choice(["blue", "green", "orange", "purple", "brown"])]
    pen, step = Pen(420, 300), 380 / len(names)
    pen.text(210, 22, title, 16)
    for i, (name, value) in enumerate(zip(names, values, strict=True)):
        x, top = 20 + (i + 0.5) * step, 260 - 190 * value / max(values)
        pen.box(x - step * 0.34, top, x + step * 0.34, 260, fill)
        pen.text(x, top - 11, f"{value:g}", 12)
        pen.text(x, 276, name, 12)
    pen.line([(16, 260), (404, 260)])
    tallest = names[list(values).index(max(values))]
    return pen.finish(), f"a bar chart titled {title}, its tallest bar is {tallest}"


def curve(
    rng: Random, *, title: str = "", names: Sequence[str] = (), values: Sequence[float] = ()
) -> Drawing:
    """A line chart: equally spaced points, the first and the last of them named."""
    title = title or rng.choice(["Temperature", "Air pressure", "River level", "Day length"])
    names = names or ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"][: rng.randint(4, 7)]
    values = values or rng.sample(range(101), len(names))
    colour = rng.choice(["blue", "red", "green", "purple"])
    low, high = min(values), max(values)
    pen, step = Pen(420, 300), 340 / (len(names) - 1)
    for i in range(5):
        pen.line([(40, 60 + i * 50), (380, 60 + i * 50)], (222, 222, 222), 1)
    span = (high - low) or 1
    points = [(40 + i * step, 250 - 180 * (v - low) / span) for i, v in enumerate(values)]
    pen.line(points, COLOURS[colour], 4)
    for x, y in points:
        pen.disc(x, y, 5, COLOURS[colour])
    for (x, _), name in zip(points, names, strict=True):
        pen.text(x, 280, name, 12)
    pen.text(210, 22, title, 16)
    peak = names[list(values).index(high)]
    return pen.finish(), f"a line chart titled {title}, its {colour} line has its peak at {peak}"


def pie(
    rng: Random, *, title: str = "", names: Sequence[str] = (), values: Sequence[float] = ()
) -> Drawing:
    """A pie chart with a legend on its right."""
    title = title or rng.choice(["Land use", "Grain stored", "Where the hours go"])
    names = names or rng.sample(["Wheat", "Rye", "Oats", "Barley", "Maize"], rng.randint(2, 5))
    values = values or rng.sample(range(10, 61), len(names))
    fills, start = list(COLOURS.values()), -90.0
    pen = Pen(420, 300)
    for i, (name, value) in enumerate(zip(names, values, strict=True)):
        end = start + 360 * value / sum(values)
        pen.sector(145, 165, 110, start, end, fills[i])
        pen.box(285, 90 + i * 32, 305, 110 + i * 32, fills[i])
        pen.text(355, 100 + i * 32, name, 13)
        start = end
    pen.text(210, 24, title, 16)
    biggest = names[list(values).index(max(values))]
    return pen.finish(), f"a pie chart titled {title}, its largest slice is {biggest}"


def clock(rng: Random, *, hour: int = 0, minute: int = -1) -> Drawing:
    """An analogue clock, hours 1-12, minutes 0-59."""
    hour = hour or rng.randint(1, 12)
    minute = minute if minute >= 0 else rng.randrange(0, 60, 5)
    pen = Pen(300, 300, PAPER)
    pen.disc(150, 150, 132, INK)
    pen.disc(150, 150, 122, WHITE)
    for i, (x, y) in enumerate(ring(150, 150, 102, 12)):
        pen.text(x, y, str(i or 12), 18)
    for turn, length, width in ((hour + minute / 60, 58, 8.0), (minute / 5, 84, 5.0)):
        tip = ring(150, 150, length, 1, math.tau * turn / 12)[0]
        pen.line([(150, 150), tip], INK, width)
    pen.disc(150, 150, 8, COLOURS["red"])
    return pen.finish(), f"an analogue clock showing {hour}:{minute:02d}"


def thermometer(rng: Random, *, degrees: int = 99) -> Drawing:
    """A red-liquid thermometer from -20 to 50 degrees Celsius."""
    degrees = degrees if degrees != 99 else rng.randint(-18, 48)

    def height(value: int) -> float:
        return 290 - (value + 20) * 3.6

    pen = Pen(240, 360, PAPER)
    pen.box(104, 30, 136, 310, COLOURS["grey"])
    pen.box(109, 34, 131, 310, WHITE)
    pen.disc(120, 318, 28, COLOURS["red"])
    pen.box(113, height(degrees), 127, 310, COLOURS["red"])
    for mark in range(-20, 51, 10):
        pen.line([(138, height(mark)), (154, height(mark))], INK, 2)
        pen.text(182, height(mark), str(mark), 15)
    return pen.finish(), f"a thermometer reading {degrees} degrees Celsius"


POINTS = ["north", "north-east", "east", "south-east", "south", "south-west", "west", "north-west"]


def compass(rng: Random, *, bearing: str = "") -> Drawing:
    """A compass rose whose red needle points to one of eight directions."""
    bearing = bearing or rng.choice(POINTS)
    turn = math.tau * POINTS.index(bearing) / 8
    pen = Pen(300, 300, PAPER)
    pen.disc(150, 150, 135, COLOURS["brown"])
    pen.disc(150, 150, 122, WHITE)
    for letter, (x, y) in zip("NESW", ring(150, 150, 100, 4), strict=True):
        pen.text(x, y, letter, 24)
    tip, right, tail, left = ring(150, 150, 78, 4, turn)
    near = [(150 + (x - 150) * 0.16, 150 + (y - 150) * 0.16) for x, y in (right, left)]
    pen.polygon([tip, *near], COLOURS["red"])
    pen.polygon([tail, *near], COLOURS["grey"])
    return pen.finish(), f"a compass with its red needle pointing {bearing}"


def sign(rng: Random, *, word: str = "", colour: str = "") -> Drawing:
    """A coloured board on a post with one printed word."""
    word = word or rng.choice(
        [
            "MILL",
            "FLOUR",
            "GARDEN",
            "RIVER",
            "BRIDGE",
            "STATION",
            "OPEN",
            "CLOSED",
            "EXIT",
            "HARBOUR",
        ]
    )
    colour = colour or rng.choice(["red", "green", "blue", "brown", "black"])
    pen = Pen(360, 260, (206, 226, 240))
    pen.box(0, 220, 360, 260, (126, 170, 92))
    pen.box(170, 110, 190, 236, COLOURS["grey"])
    pen.box(30, 40, 330, 140, WHITE)
    pen.box(36, 46, 324, 134, COLOURS[colour])
    pen.text(180, 90, word, min(52, 350 / len(word)), WHITE)
    return pen.finish(), f"{with_article(colour)} sign with the word {word} in white letters"


DRAWINGS: tuple[Callable[[Random], Drawing], ...] = (
    things,
    pair,
    bars,
    curve,
    pie,
    clock,
    thermometer,
    compass,
    sign,
)
