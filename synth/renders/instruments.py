"""Draw what is read: clocks, thermometers, compasses, and boards with a word."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Final

from synth.renders.drawing import Drawing
from synth.renders.pen import COLOURS, INK, PAPER, WHITE, Pen, ring, with_article

WORDS_FILE: Final = Path(__file__).with_name("words.txt")
POINTS = ["north", "north-east", "east", "south-east", "south", "south-west", "west", "north-west"]


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
    time = f"{hour}:{minute:02d}"
    return pen.finish(
        f"an analogue clock showing {time}",
        names=("clock", "dial", "hands of the clock", "clock face"),
        facts=(
            f"The clock shows {time}.",
            f"A clock face; the short hand is {'at' if minute == 0 else 'past'} {hour}.",
            f"It is {minute} minutes past {hour} on the clock."
            if minute
            else f"It is {hour} o'clock.",
        ),
        questions=(
            ("What time does the clock show?", time),
            ("Which hour did the short hand pass last?", str(hour)),
            ("How many minutes past the hour is it?", str(minute)),
        ),
    )


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
    frost = "below" if degrees < 0 else "not below"
    return pen.finish(
        f"a thermometer reading {degrees} degrees Celsius",
        names=("thermometer", "temperature", "mercury"),
        facts=(
            f"The thermometer reads {degrees} degrees.",
            f"The red column of the thermometer stands at {degrees}.",
            f"The temperature is {frost} zero: {degrees} degrees Celsius.",
        ),
        questions=(
            ("What does the thermometer read?", f"{degrees} degrees Celsius"),
            ("Is it below zero?", "yes" if degrees < 0 else "no"),
        ),
    )


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
    with pen.mark("red end of the needle"):
        pen.polygon([tip, *near], COLOURS["red"])
    with pen.mark("grey end of the needle"):
        pen.polygon([tail, *near], COLOURS["grey"])
    opposite = POINTS[(POINTS.index(bearing) + 4) % 8]
    return pen.finish(
        f"a compass with its red needle pointing {bearing}",
        names=("compass", "needle", "compass rose"),
        facts=(
            f"The compass needle points to the {bearing}.",
            f"A compass; the grey end of its needle points {opposite}.",
            f"The red end of the needle points {bearing} on the compass.",
        ),
        questions=(
            ("Where does the red end of the needle point?", bearing),
            ("Where does the grey end of the needle point?", opposite),
        ),
    )


def read_words(path: Path = WORDS_FILE) -> tuple[str, ...]:
    """Return the words of a file, one a line."""
    return tuple(path.read_text(encoding="utf-8").split())


def sign(rng: Random, *, word: str = "", colour: str = "", words: Sequence[str] = ()) -> Drawing:
    """A coloured board on a post with one printed word, one of `words` unless it is given."""
    word = word or rng.choice(words or read_words())
    colour = colour or rng.choice(["red", "green", "blue", "brown", "black"])
    pen = Pen(360, 260, (206, 226, 240))
    pen.box(0, 220, 360, 260, (126, 170, 92))
    pen.box(170, 110, 190, 236, COLOURS["grey"])
    with pen.mark("sign"):
        pen.box(30, 40, 330, 140, WHITE)
        pen.box(36, 46, 324, 134, COLOURS[colour])
        pen.text(180, 90, word, min(52, 350 / len(word)), WHITE)
    return pen.finish(
        f"{with_article(colour)} sign with the word {word} in white letters",
        names=("sign", "board", f"{colour} sign", "word on the sign"),
        facts=(
            f"The {colour} sign says {word}.",
            f"A board on a post, with the word {word} on it.",
            f"The word on the sign is {word}.",
        ),
        questions=(
            ("What word is on the sign?", word),
            ("What colour is the sign?", colour),
            ("With which letter does the word begin?", word[0]),
        ),
    )
