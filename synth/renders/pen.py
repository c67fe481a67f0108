"""The pen that pictures are drawn with, its colours, and the words that name what it draws."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import matplotlib
from PIL import Image, ImageDraw, ImageFont

from synth.renders.drawing import Drawing, Question, Region

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
FONT = Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans-Bold.ttf"
_OVERSAMPLING: Final = 2  # shapes are drawn at twice the size and averaged down: smooth edges
_MAX_REGIONS: Final = 255


class Pen:
    """A drawing surface measured in pixels of the finished picture, oversampled inside.

    What is drawn inside `mark` becomes a region. Every stroke paints a second picture too, with
    the number of its region: what is covered later is gone from it, so boxes hold what is seen.
    """

    def __init__(self, width: int, height: int, paper: Colour = WHITE) -> None:
        self.width, self.height = width, height
        self._size = (width * _OVERSAMPLING, height * _OVERSAMPLING)
        self._image = Image.new("RGB", self._size, paper)
        self._draw = ImageDraw.Draw(self._image)
        self._seen = Image.new("L", self._size, 0)
        self._seen_draw = ImageDraw.Draw(self._seen)
        self._seen_draw.fontmode = "1"  # numbers must not be blended at the edges of letters
        self._labels: list[str] = []
        self._region = 0

    @contextmanager
    def mark(self, label: str) -> Iterator[None]:
        """Make a region of what is drawn in the block; blocks do not nest."""
        self._labels.append(label)
        assert self._region == 0
        assert len(self._labels) <= _MAX_REGIONS
        self._region = len(self._labels)
        yield
        self._region = 0

    def _scaled(self, points: Sequence[Point]) -> list[Point]:
        return [(x * _OVERSAMPLING, y * _OVERSAMPLING) for x, y in points]

    def _stroke(self, shape: str, *where: Any, fill: Colour, **options: Any) -> None:
        getattr(self._draw, shape)(*where, fill=fill, **options)
        if self._labels:
            getattr(self._seen_draw, shape)(*where, fill=self._region, **options)

    def disc(self, x: float, y: float, r: float, fill: Colour, squash: float = 1.0) -> None:
        """Fill a disc of radius `r`; `squash` scales its height."""
        corners = self._scaled([(x - r, y - r * squash), (x + r, y + r * squash)])
        self._stroke("ellipse", corners, fill=fill)

    def box(self, x0: float, y0: float, x1: float, y1: float, fill: Colour) -> None:
        """Fill an upright rectangle."""
        self._stroke("rectangle", self._scaled([(x0, y0), (x1, y1)]), fill=fill)

    def polygon(self, points: Sequence[Point], fill: Colour) -> None:
        """Fill a polygon."""
        self._stroke("polygon", self._scaled(points), fill=fill)

    def line(self, points: Sequence[Point], fill: Colour = INK, width: float = 3) -> None:
        """Draw a line through the points."""
        pen = round(width * _OVERSAMPLING)
        self._stroke("line", self._scaled(points), fill=fill, width=pen, joint="curve")

    def sector(self, x: float, y: float, r: float, start: float, end: float, fill: Colour) -> None:
        """Fill a slice of a disc; degrees clockwise from three o'clock."""
        corners = self._scaled([(x - r, y - r), (x + r, y + r)])
        self._stroke("pieslice", corners, start, end, fill=fill)

    def text(self, x: float, y: float, words: str, size: float, fill: Colour = INK) -> None:
        """Print words centred on (x, y)."""
        # Basic layout: the other engine depends on libraries of the machine and so on its pixels.
        font = ImageFont.truetype(
            str(FONT), round(size * _OVERSAMPLING), layout_engine=ImageFont.Layout.BASIC
        )
        where = self._scaled([(x, y)])[0]
        self._stroke("text", where, words, fill=fill, font=font, anchor="mm")

    def finish(
        self,
        caption: str,
        *,
        names: Sequence[str] = (),
        facts: Sequence[str] = (),
        questions: Sequence[Question] = (),
    ) -> Drawing:
        """Return the picture at its finished size, with what is true of it."""
        return Drawing(
            image=self._image.reduce(_OVERSAMPLING),
            caption=caption,
            names=tuple(names),
            facts=tuple(facts),
            questions=tuple(questions),
            regions=tuple(self._regions()),
        )

    def _regions(self) -> Iterator[Region]:
        """Yield the regions of which anything is seen."""
        for number, label in enumerate(self._labels, start=1):
            own = self._seen.point([255 * (value == number) for value in range(256)])
            if edges := own.getbbox():
                x1, y1, x2, y2 = (edge / _OVERSAMPLING for edge in edges)
                yield Region(label, (x1, y1, x2, y2))


def ring(x: float, y: float, r: float, count: int, turn: float = 0.0) -> list[Point]:
    """`count` points on a circle, clockwise from the top, turned by `turn` radians."""
    angles = [turn + math.tau * i / count for i in range(count)]
    return [(x + r * math.sin(a), y - r * math.cos(a)) for a in angles]


def with_article(noun: str) -> str:
    """`an orange fish`, `a blue house`."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def nouns(noun: str, count: int) -> str:
    """`leaves`, `fish`, `star`: a noun in the number that goes with the count."""
    irregular = {"leaf": "leaves", "fish": "fish"}
    return noun if count == 1 else irregular.get(noun, noun + "s")


def plural(noun: str, count: int) -> str:
    """`three leaves`, `one fish`: a number word and its noun."""
    return f"{NUMBERS[count]} {nouns(noun, count)}"


def there_are(noun: str, count: int) -> str:
    """`There are three leaves.`, `There is no fish.`."""
    if count == 0:
        return f"There is no {noun}."
    return f"There {'is' if count == 1 else 'are'} {plural(noun, count)}."
