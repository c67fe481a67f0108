"""The catalogue of pictures on the example site: a drawing for every file name.

The seed of a picture is its file name. The suffix says how it is stored.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from functools import partial
from random import Random

from PIL import Image

from synth.renders.charts import bars, curve, pie
from synth.renders.drawing import Drawing
from synth.renders.figures import moon, pattern, polygon, right_triangle, weather
from synth.renders.instruments import clock, compass, sign, thermometer
from synth.renders.mills import gears, millstone, water_wheel
from synth.renders.pen import COLOURS, PAPER, WHITE, Pen
from synth.renders.scenes import contours, landscape, map_sheet
from synth.renders.things import pair, things

DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
JPEG_QUALITY, WEBP_QUALITY = 88, 85
EXIF_ORIENTATION, TURN_CLOCKWISE = 0x0112, 6
WHEEL_PADDLES, WHEEL_FRAMES, WHEEL_FRAME_MS = 10, 6, 90


def mark(_rng: Random) -> Drawing:
    """The sign of the site: four sails in a brown disc."""
    pen = Pen(200, 200)
    pen.disc(100, 100, 96, COLOURS["brown"])
    for turn in range(4):
        pen.sector(100, 100, 84, turn * 90 + 8, turn * 90 + 42, PAPER)
    pen.disc(100, 100, 14, COLOURS["orange"])
    return pen.finish("Mill and Meadow")


def pin(_rng: Random) -> Drawing:
    """A map pin of 16 by 16 pixels."""
    pen = Pen(16, 16)
    pen.polygon([(3, 7), (13, 7), (8, 16)], COLOURS["red"])
    pen.disc(8, 6, 5.5, COLOURS["red"])
    pen.disc(8, 6, 2, WHITE)
    return pen.finish("Place")


def pixel(_rng: Random) -> Drawing:
    """The one white pixel that counts visitors."""
    return Drawing(Image.new("RGB", (1, 1), WHITE), "")


def banner(_rng: Random) -> Drawing:
    """A strip of 1200 by 60 pixels that sells flour."""
    pen = Pen(1200, 60, COLOURS["orange"])
    pen.text(600, 30, "FLOUR FROM THE MILL, THIS WEEK ONLY", 26, WHITE)
    return pen.finish("Flour from the mill, this week only")


def sized(draw: Callable[[Random], Drawing], side_px: int) -> Callable[[Random], Drawing]:
    """The same drawing, `side_px` wide and high."""

    def resized(rng: Random) -> Drawing:
        drawing = draw(rng)
        image = drawing.image.resize((side_px, side_px), Image.Resampling.LANCZOS)
        return Drawing(image, drawing.caption)

    return resized


DIAL_CLOCK = partial(clock, hour=4, minute=20)
DIAL_COMPASS = partial(compass, bearing="east")
HOURS = {"Sleep": 8, "Milling": 6, "Repairs": 3, "Meals": 3, "Rest": 4}
RAIN = {"Jan": 62, "Feb": 47, "Mar": 88, "Apr": 54, "May": 31, "Jun": 59}
BAGS = {"Hill": 410, "Weir": 335, "Bridge": 240, "Ford": 120}
STORE = {"Wheat": 56, "Barley": 21, "Oats": 15, "Rye": 8}


def _table(
    chart: Callable[..., Drawing], title: str, data: dict[str, int]
) -> Callable[[Random], Drawing]:
    return partial(chart, title=title, names=list(data), values=list(data.values()))


def _week(title: str, values: list[int]) -> Callable[[Random], Drawing]:
    return _table(curve, title, dict(zip(DAYS, values, strict=True)))


PICTURES: dict[str, Callable[[Random], Drawing]] = {
    # furniture, repeated on every page or planted as a fault
    "mark.png": mark,
    "pin.png": pin,
    "count.gif": pixel,
    "banner-flour.png": banner,
    # mills
    "windmill-hill.jpg": partial(landscape, building="windmill", sky="blue", trees=3, clouds=1),
    "windmill-sign.webp": partial(sign, word="MILL", colour="green"),
    "millstone-face.jpg": partial(millstone, harps=10),
    "water-wheel-turning.gif": partial(water_wheel, paddles=WHEEL_PADDLES),
    "wheel-efficiency.png": _table(
        bars, "Share of power used, %", {"Under": 30, "Breast": 65, "Over": 85}
    ),
    "gears-12-24.png": partial(gears, left=12, right=24),
    "gears-16-20.png": partial(gears, left=16, right=20),
    "grain-parts.png": _table(pie, "Parts of a grain", {"Inside": 83, "Bran": 14, "Germ": 3}),
    "four-brown-circles.png": partial(things, thing="circle", colour="brown", count=4),
    "stream-map.jpg": partial(map_sheet, towns=3, river="west-east"),
    # garden
    "compost-curve.webp": _week("Heap in March, °C", [52, 48, 41, 33, 46, 58, 60]),
    "thermometer-46.png": partial(thermometer, degrees=46),
    "honeycomb.jpg": partial(pattern, kind="honeycomb", colours=("brown", "yellow")),
    "six-green-leaves.png": partial(things, thing="leaf", colour="green", count=6),
    "seven-red-apples.jpg": partial(things, thing="apple", colour="red", count=7),
    "five-purple-flowers.jpg": partial(things, thing="flower", colour="purple", count=5),
    "nine-yellow-flowers.webp": partial(things, thing="flower", colour="yellow", count=9),
    "four-green-squares.png": partial(things, thing="square", colour="green", count=4),
    "house-left-of-tree.png": partial(
        pair, first="green house", second="green tree", side="to the left of"
    ),
    # weather
    "cloud-symbol.webp": partial(weather, kind="cloud"),
    "lightning-symbol.png": partial(weather, kind="lightning"),
    "rain-symbol.png": partial(weather, kind="rain"),
    "sun-symbol.png": partial(weather, kind="sun"),
    "hills-two-clouds.jpg": partial(landscape, building="farmhouse", sky="blue", trees=2, clouds=2),
    "rain-by-month.png": _table(bars, "Rain in mm", RAIN),
    "frost-week.png": _week("Nights in October, °C", [6, 5, 4, 2, 1, -2, 0]),
    "frost-thermometer.png": partial(thermometer, degrees=-2),
    "pressure-week.png": _week("Pressure, hPa", [1012, 1019, 1024, 1020, 1011, 998, 1003]),
    "rainbow-hills.jpg": partial(landscape, building="farmhouse", sky="orange", trees=1, clouds=0),
    # instruments
    "clock-ten-ten.webp": partial(clock, hour=10, minute=10),
    "clock-half-past-seven.png": partial(clock, hour=7, minute=30),
    "compass-north.jpg": partial(compass, bearing="north"),
    "compass-south-west.png": partial(compass, bearing="south-west"),
    "thermometer-20.jpg": partial(thermometer, degrees=20),
    "thermometer-minus-10.png": partial(thermometer, degrees=-10),
    "crescent.jpg": partial(moon, phase="crescent moon"),
    "half-moon.jpg": partial(moon, phase="half moon"),
    "full-moon.jpg": partial(moon, phase="full moon"),
    "dial-clock.jpg": DIAL_CLOCK,
    "dial-clock.webp": DIAL_CLOCK,
    "dial-clock-large.webp": sized(DIAL_CLOCK, 600),
    "dial-thermometer.png": partial(thermometer, degrees=12),
    "dial-compass.png": DIAL_COMPASS,
    "dial-compass-small.png": sized(DIAL_COMPASS, 150),
    # charts
    "bags-per-mill.png": _table(bars, "Bags of flour", BAGS),
    "river-level.png": _week("River level, cm", [64, 66, 71, 88, 80, 73, 69]),
    "grain-store.webp": _table(pie, "Grain in the store", STORE),
    "hours-of-the-day.png": _table(pie, "A miller's day", HOURS),
    "red-yellow-checks.png": partial(pattern, kind="chequered", colours=("red", "yellow")),
    "scattered-circles.png": partial(things, thing="circle", colour="blue", count=8),
    # geometry
    "triangle-4-3.png": partial(right_triangle, legs=(4, 3)),
    "triangle-8-6.png": partial(right_triangle, legs=(8, 6)),
    "hexagon.webp": partial(polygon, sides=6, colour="blue"),
    "pentagon.png": partial(polygon, sides=5, colour="red"),
    "octagon.png": partial(polygon, sides=8, colour="green"),
    "yellow-star.png": partial(things, thing="star", colour="yellow", count=1),
    "star-above-square.png": partial(pair, first="red star", second="blue square", side="above"),
    # maps
    "county-map.webp": partial(map_sheet, towns=5, river="north-south"),
    "two-towns.jpg": partial(map_sheet, towns=2, river="west-east"),
    "one-summit.webp": partial(contours, summits=1),
    "two-summits.png": partial(contours, summits=2),
    "lighthouse-night.jpg": partial(
        landscape, building="lighthouse", sky="dark", trees=0, clouds=1
    ),
    "three-blue-boats.jpg": partial(things, thing="boat", colour="blue", count=3),
    "boat-left-of-house.jpg": partial(
        pair, first="red boat", second="brown house", side="to the left of"
    ),
    "attic-sheet.jpg": partial(map_sheet, towns=5, river="west-east"),
    "attic-scan-cut-off.jpg": partial(
        landscape, building="farmhouse", sky="grey", trees=4, clouds=3
    ),
    "small-scan.png": partial(map_sheet, towns=4, river="north-south"),
    # other languages
    "uhr-sechs.png": partial(clock, hour=6, minute=0),
    "thermometer-25.png": partial(thermometer, degrees=25),
    "regen-woche.png": _table(
        bars, "mm", {"Mo": 2, "Di": 7, "Mi": 18, "Do": 5, "Fr": 1, "Sa": 4, "So": 9}
    ),
    "roue-a-huit-aubes.png": partial(water_wheel, paddles=8),
    "meule-huit-secteurs.webp": partial(millstone, harps=8),
    "carte-riviere.png": partial(map_sheet, towns=4, river="north-south"),
    "courbes-deux-sommets.png": partial(contours, summits=2),
    "mugi-sanbubun.png": _table(pie, "83 / 14 / 3", {"83 %": 83, "14 %": 14, "3 %": 3}),
    "usu-no-men.png": partial(millstone, harps=10),
    "taiyang-fuhao.png": partial(weather, kind="sun"),
    "wu-ke-shu.jpg": partial(things, thing="tree", colour="green", count=5),
}


def picture(name: str) -> Drawing:
    """The drawing of a catalogued picture, before it is stored."""
    return PICTURES[name](Random(name))


def caption(name: str) -> str:
    """What the picture shows, in English."""
    return picture(name).caption


def _turning_wheel() -> bytes:
    step = math.tau / WHEEL_PADDLES / WHEEL_FRAMES
    frames = [
        water_wheel(Random(0), paddles=WHEEL_PADDLES, turn=i * step).image
        for i in range(WHEEL_FRAMES)
    ]
    out = io.BytesIO()
    frames[0].save(
        out, "GIF", save_all=True, append_images=frames[1:], duration=WHEEL_FRAME_MS, loop=0
    )
    return out.getvalue()


def _sideways(image: Image.Image) -> bytes:
    """Pixels lying on their side, with the EXIF tag that says how to set them upright."""
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = TURN_CLOCKWISE
    out = io.BytesIO()
    turned = image.transpose(Image.Transpose.ROTATE_90)
    turned.save(out, "JPEG", quality=JPEG_QUALITY, exif=exif)
    return out.getvalue()


def encoded(name: str) -> bytes:
    """The file of a catalogued picture."""
    image = picture(name).image
    out = io.BytesIO()
    match name:
        case "water-wheel-turning.gif":
            return _turning_wheel()
        case "hills-two-clouds.jpg":
            return _sideways(image)
        case "seven-red-apples.jpg":
            image.convert("CMYK").save(out, "JPEG", quality=JPEG_QUALITY)
        case _ if name.endswith(".jpg"):
            image.save(out, "JPEG", quality=JPEG_QUALITY)
        case _ if name.endswith(".webp"):
            image.save(out, "WEBP", quality=WEBP_QUALITY)
        case _:
            image.save(out, name.rsplit(".", 1)[1].upper(), optimize=True)
    return out.getvalue()
