"""Draw charts: bars, lines and pies whose numbers are known."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from synth.renders.drawing import Drawing
from synth.renders.pen import COLOURS, NUMBERS, Pen

BAR_TITLES = (
    "Rain in mm",
    "Bags of flour",
    "Visitors",
    "Hours of sun",
    "Eggs sold",
    "Loaves baked",
    "Trees planted",
    "Share of power used, %",
)
LINE_TITLES = (
    "Temperature",
    "Air pressure",
    "River level",
    "Day length",
    "Snow depth",
    "Pressure, hPa",
    "Wind speed",
    "Nights, °C",
)
PIE_TITLES = (
    "Land use",
    "Grain stored",
    "Where the hours go",
    "Votes cast",
    "Parts of a grain",
    "Costs of the mill",
)
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
PLACES = ("Hill", "Weir", "Bridge", "Ford", "Under", "Over", "Breast")
GRAINS = ("Wheat", "Rye", "Oats", "Barley", "Maize", "Bran", "Germ", "Peas")


def bars(
    rng: Random, *, title: str = "", names: Sequence[str] = (), values: Sequence[float] = ()
) -> Drawing:
    """A bar chart with a title, a name under each bar and its value above it."""
    title = title or rng.choice(BAR_TITLES)
    names = names or rng.choice([MONTHS, DAYS, PLACES])[: rng.randint(3, 6)]
    values = values or rng.sample(range(5, 96), len(names))
    colour = rng.choice(["blue", "green", "orange", "purple", "brown"])
    pen, step = Pen(420, 300), 380 / len(names)
    pen.text(210, 22, title, 16)
    for i, (name, value) in enumerate(zip(names, values, strict=True)):
        x, top = 20 + (i + 0.5) * step, 260 - 190 * value / max(values)
        with pen.mark(f"bar of {name}"):
            pen.box(x - step * 0.34, top, x + step * 0.34, 260, COLOURS[colour])
        pen.text(x, top - 11, f"{value:g}", 12)
        pen.text(x, 276, name, 12)
    pen.line([(16, 260), (404, 260)])
    tallest, smallest = _extremes(names, values)
    each = rng.choice(list(zip(names, values, strict=True)))
    return pen.finish(
        f"a bar chart titled {title}, its tallest bar is {tallest}",
        names=("bar chart", "bars", "chart", title),
        facts=(
            f"A bar chart of {NUMBERS[len(names)]} bars: {title}.",
            f"The tallest bar is {tallest}, with {max(values):g}.",
            f"The {colour} bars are drawn for {', '.join(names)}.",
        ),
        questions=(
            ("Which bar is the tallest?", tallest),
            ("Which bar is the shortest?", smallest),
            (f"What is the value of {each[0]}?", f"{each[1]:g}"),
            ("What is the title of the chart?", title),
            ("How many bars are there?", str(len(names))),
            ("What colour are the bars?", colour),
        ),
    )


def curve(
    rng: Random, *, title: str = "", names: Sequence[str] = (), values: Sequence[float] = ()
) -> Drawing:
    """A line chart: equally spaced points, named below."""
    title = title or rng.choice(LINE_TITLES)
    names = names or rng.choice([DAYS, MONTHS])[: rng.randint(4, 7)]
    values = values or rng.sample(range(101), len(names))
    colour = rng.choice(["blue", "red", "green", "purple"])
    low, high = min(values), max(values)
    pen, step = Pen(420, 300), 340 / (len(names) - 1)
    for i in range(5):
        pen.line([(40, 60 + i * 50), (380, 60 + i * 50)], (222, 222, 222), 1)
    span = (high - low) or 1
    points = [(40 + i * step, 250 - 180 * (v - low) / span) for i, v in enumerate(values)]
    with pen.mark(f"{colour} line"):
        pen.line(points, COLOURS[colour], 4)
        for x, y in points:
            pen.disc(x, y, 5, COLOURS[colour])
    for (x, _), name in zip(points, names, strict=True):
        pen.text(x, 280, name, 12)
    pen.text(210, 22, title, 16)
    peak, trough = _extremes(names, values)
    return pen.finish(
        f"a line chart titled {title}, its {colour} line has its peak at {peak}",
        names=("line chart", "curve", "line of the chart", "chart", title),
        facts=(
            f"A line chart of {title}.",
            f"The {colour} line is highest at {peak} and lowest at {trough}.",
            f"A curve through {NUMBERS[len(names)]} points, {names[0]} to {names[-1]}.",
        ),
        questions=(
            ("Where does the line have its peak?", peak),
            ("Where is the line lowest?", trough),
            ("What is the title of the chart?", title),
            ("What colour is the line?", colour),
            ("How many points does the line have?", str(len(names))),
        ),
    )


def pie(
    rng: Random, *, title: str = "", names: Sequence[str] = (), values: Sequence[float] = ()
) -> Drawing:
    """A pie chart with a legend on its right."""
    title = title or rng.choice(PIE_TITLES)
    names = names or rng.sample(GRAINS, rng.randint(2, 5))
    values = values or rng.sample(range(10, 61), len(names))
    colours, start = list(COLOURS), -90.0
    pen = Pen(420, 300)
    for i, (name, value) in enumerate(zip(names, values, strict=True)):
        end = start + 360 * value / sum(values)
        with pen.mark(f"slice of {name}"):
            pen.sector(145, 165, 110, start, end, COLOURS[colours[i]])
        pen.box(285, 90 + i * 32, 305, 110 + i * 32, COLOURS[colours[i]])
        pen.text(355, 100 + i * 32, name, 13)
        start = end
    pen.text(210, 24, title, 16)
    biggest, smallest = _extremes(names, values)
    each = rng.randrange(len(names))
    return pen.finish(
        f"a pie chart titled {title}, its largest slice is {biggest}",
        names=("pie chart", "slices", "chart", title),
        facts=(
            f"A pie chart of {NUMBERS[len(names)]} slices: {title}.",
            f"The largest slice of the pie is {biggest}, the smallest is {smallest}.",
            f"A pie with slices for {', '.join(names)}.",
        ),
        questions=(
            ("Which slice is the largest?", biggest),
            ("Which slice is the smallest?", smallest),
            ("What is the title of the chart?", title),
            ("How many slices are there?", str(len(names))),
            (f"What colour is the slice of {names[each]}?", colours[each]),
        ),
    )


def _extremes(names: Sequence[str], values: Sequence[float]) -> tuple[str, str]:
    """Return the names of the largest and of the smallest value."""
    numbers = list(values)
    return names[numbers.index(max(numbers))], names[numbers.index(min(numbers))]
