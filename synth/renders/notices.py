"""Draw print to read: single lines as they are cut from a page, and notices of some lines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from string import ascii_uppercase, digits
from typing import Final

from synth.renders.charts import BAR_TITLES, LINE_TITLES, PIE_TITLES
from synth.renders.drawing import Drawing
from synth.renders.instruments import read_words
from synth.renders.pen import COLOURS, INK, PAPER, WHITE, Colour, Pen, with_article

SHARES: Final = (0.6, 0.3, 0.1)
"""Of even strips, of strips and of notices."""
STRIP_HEIGHTS: Final = (28, 28, 56)
MOST_GLYPHS: Final = 9
EVEN_GLYPHS: Final = 7
DIGITS_SHARE: Final = 0.6
"""Of even strips, those of digits alone. No two digits make one token, so that the n-th token of
the answer is always the n-th of the picture: where a small model first learns to read."""
WIDTH, HEIGHT, EDGE = 360, 260, 14
MOST_LINES: Final = 3
SMALLEST: Final = 20
ADVANCE: Final = 0.88
"""Width of a capital letter with its space, a share of the size of print."""
ORDER: Final = ("first", "second", "third")
_TITLES: Final = (*BAR_TITLES, *LINE_TITLES, *PIE_TITLES)


def print_to_read(rng: Random, *, words: Sequence[str] = ()) -> Drawing:
    """A line of print, evenly spaced or not, or a notice of one to three lines.

    Args:
        rng: what it is drawn from.
        words: that are printed, beside letters at random, numbers and titles of charts.
    """
    draw = rng.choices((_even_strip, _strip, _notice), SHARES)[0]
    return draw(rng, words or read_words())


def _even_strip(rng: Random, words: Sequence[str]) -> Drawing:
    """A line of digits, or of letters too, each in a square of its own: one token of a picture."""
    height = STRIP_HEIGHTS[0]
    glyphs = digits if rng.random() < DIGITS_SHARE else ascii_uppercase + digits
    line = "".join(rng.choices(glyphs, k=EVEN_GLYPHS))
    pen, ink = Pen(len(line) * height, height), INK
    size, slack = height * rng.uniform(0.65, 0.9), height * 0.1
    for number, glyph in enumerate(line):
        x = (number + 0.5) * height + rng.uniform(-slack, slack)
        pen.text(x, height / 2 + rng.uniform(-slack, slack) / 2, glyph, size, ink)
    return _told(pen, line)


def _strip(rng: Random, words: Sequence[str]) -> Drawing:
    """A line of print as wide as it is."""
    height, line = rng.choice(STRIP_HEIGHTS), _line(rng, words)
    size = height * rng.uniform(0.7, 0.95)
    width = max(2 * height, round(len(line) * size * ADVANCE * rng.uniform(0.9, 1.1)) + 8)
    pen, ink = _ground(rng, width, height)
    pen.text(width / 2, height / 2, line, size, ink)
    return _told(pen, line)


def _ground(rng: Random, width: int, height: int) -> tuple[Pen, Colour]:
    """Return a strip without print, and the colour to print in."""
    ground = rng.choice(["white", "white", "red", "green", "blue", "brown", "black"])
    return Pen(width, height, COLOURS.get(ground, WHITE)), INK if ground == "white" else WHITE


def _told(pen: Pen, line: str) -> Drawing:
    return pen.finish(
        f"a line of print that says {line}",
        names=("line of print", "print"),
        facts=(f"It says {line}.",),
        questions=(("What is written here?", line),),
    )


def _notice(rng: Random, words: Sequence[str]) -> Drawing:
    """A board with one to three lines of print."""
    lines = [_line(rng, words) for _ in range(rng.randint(1, MOST_LINES))]
    colour = rng.choice(["white", "red", "green", "blue", "brown", "black"])
    pen = Pen(WIDTH, HEIGHT, PAPER)
    with pen.mark("notice"):
        pen.box(EDGE, EDGE, WIDTH - EDGE, HEIGHT - EDGE, COLOURS.get(colour, WHITE))
        room = (HEIGHT - 2 * EDGE) / len(lines)
        for number, line in enumerate(lines):
            most = min(room * 0.8, (WIDTH - 3 * EDGE) / (ADVANCE * len(line)))
            size = rng.uniform(min(SMALLEST, most), most)
            ink = INK if colour == "white" else WHITE
            pen.text(WIDTH / 2, EDGE + (number + 0.5) * room, line, size, ink)
    text, one = " ".join(lines), rng.randrange(len(lines))
    questions = [("What is written on the notice?", text)]
    if len(lines) > 1:
        questions.append((f"What is in the {ORDER[one]} line?", lines[one]))
    return pen.finish(
        f"{with_article(colour)} notice that says {text}",
        names=("notice", "board"),
        facts=(f"The notice says {text}.", f"The notice is {colour}."),
        questions=questions,
    )


def _line(rng: Random, words: Sequence[str]) -> str:
    return rng.choice(_LINES)(rng, words)


def _word(rng: Random, words: Sequence[str]) -> str:
    return rng.choice(words)


def _title(rng: Random, words: Sequence[str]) -> str:
    return rng.choice(_TITLES)


def _letters(rng: Random, words: Sequence[str]) -> str:
    return "".join(rng.choices(ascii_uppercase, k=rng.randint(1, MOST_GLYPHS)))


def _number(rng: Random, words: Sequence[str]) -> str:
    return "".join(rng.choices(digits, k=rng.randint(1, MOST_GLYPHS)))


_LINES: Final[tuple[Callable[[Random, Sequence[str]], str], ...]] = (
    _word,
    _title,
    _letters,
    _letters,
    _number,
)
