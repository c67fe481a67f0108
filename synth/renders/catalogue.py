"""All drawings by name, and any of them from a seeded generator."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final

from synth.renders.charts import bars, curve, pie
from synth.renders.drawing import Drawing
from synth.renders.figures import moon, pattern, polygon, right_triangle, warning, weather
from synth.renders.instruments import clock, compass, sign, thermometer
from synth.renders.mills import gears, millstone, water_wheel
from synth.renders.scenes import contours, landscape, map_sheet
from synth.renders.things import pair, things

Draw = Callable[[Random], Drawing]

DRAWINGS: Final[dict[str, Draw]] = {
    "things": things,
    "pair": pair,
    "bars": bars,
    "curve": curve,
    "pie": pie,
    "clock": clock,
    "thermometer": thermometer,
    "compass": compass,
    "sign": sign,
    "landscape": landscape,
    "map_sheet": map_sheet,
    "contours": contours,
    "gears": gears,
    "water_wheel": water_wheel,
    "millstone": millstone,
    "moon": moon,
    "weather": weather,
    "polygon": polygon,
    "right_triangle": right_triangle,
    "pattern": pattern,
    "warning": warning,
}
"""What a caller leaves out is drawn from the generator: the same seed gives the same pixels."""


def draw(rng: Random) -> Drawing:
    """Any picture of the catalogue, drawn from the generator."""
    return rng.choice(list(DRAWINGS.values()))(rng)
