"""The committed site is what its sources build, and every fault of the README is in it."""

import io
import re
import zlib
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from examples.build_site import HERE, SITE, build
from examples.near_copies import NEAR_COPIES

README = (HERE / "README.md").read_text(encoding="utf-8")
FROST = [copy.target for copy in NEAR_COPIES if copy.source == "weather/first-frost.html"]
NORTH = [copy.target for copy in NEAR_COPIES if "compass" in copy.source]
CLUSTERS = {
    2: ["mills/counting-teeth.html", "archive/counting-teeth.html"],
    3: ["instruments/compass-declination.html", *NORTH],
    5: ["weather/first-frost.html", *FROST],
}
HOSTILE = {
    "attic-scan-cut-off.jpg",
    "attic-empty.png",
    "attic-not-found-page.jpg",
    "attic-moved.jpg",
    "scan-oversized.png",
    "scan-of-nothing.png",
}


@pytest.fixture(scope="module")
def rebuilt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("example") / "site")


def files(folder: Path, *suffixes: str) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and (not suffixes or path.suffix in suffixes)
    }


def pixels(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image)


def page(path: str) -> str:
    return (SITE / path).read_bytes().decode("utf-8")


def words(html: str) -> list[str]:
    article = re.search(r"(?s)<h1>.*?(?=</article>|<div class=\"post-footer|</section>)", html)
    assert article is not None
    return re.findall(r"\w+", re.sub(r"<[^>]*>", " ", article[0]).lower())


def jaccard(first: str, second: str) -> float:
    grams = [
        {tuple(w[i : i + 5]) for i in range(len(w) - 4)} for w in (words(first), words(second))
    ]
    return len(grams[0] & grams[1]) / len(grams[0] | grams[1])


def test_rebuilding_gives_the_same_list_of_files(rebuilt):
    assert sorted(files(rebuilt)) == sorted(files(SITE))


def test_rebuilding_gives_the_same_bytes_of_every_page(rebuilt):
    assert files(rebuilt, ".html", ".css", ".txt") == files(SITE, ".html", ".css", ".txt")


def test_rebuilding_gives_the_same_pixels_of_every_picture(rebuilt):
    fresh, committed = (files(folder / "images") for folder in (rebuilt, SITE))
    for name in fresh.keys() - HOSTILE:
        np.testing.assert_array_equal(pixels(fresh[name]), pixels(committed[name]), err_msg=name)


def test_the_whole_site_stays_under_three_megabytes():
    assert sum(map(len, files(SITE).values())) < 3_000_000


def test_every_file_that_the_readme_names_exists_but_the_missing_one():
    table = README.split("## Planted faults")[1]
    named = set(re.findall(r"`([\w-]+(?:/[\w-]+)?\.(?:html|png|jpg|gif))`", table))
    assert len(named) >= 30
    assert {path for path in named if not (SITE / path).exists()} == {"images/attic-missing.png"}


def test_the_exact_copy_has_the_bytes_of_its_original():
    assert page("print/millstones.html") == page("mills/millstones.html")


@pytest.mark.parametrize("size", CLUSTERS)
def test_members_of_a_cluster_are_near_but_not_equal(size):
    assert len(CLUSTERS[size]) == size
    for first, second in combinations(map(page, CLUSTERS[size]), 2):
        assert 0.8 < jaccard(first, second) < 1.0


def test_pages_outside_the_clusters_are_far_apart():
    own = [p.relative_to(HERE / "pages").with_suffix(".html") for p in HERE.glob("pages/m*/*.md")]
    texts = [page(path.as_posix()) for path in own if path.stem != "lighthouse-bearings"]
    assert max(jaccard(a, b) for a, b in combinations(texts, 2)) < 0.1


def test_the_mark_stands_in_more_than_ten_articles():
    assert (
        sum("images/mark.png" in html.decode("latin-1") for html in files(SITE, ".html").values())
        > 10
    )


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("pin.png", (16, 16)),
        ("count.gif", (1, 1)),
        ("banner-flour.png", (1200, 60)),
        ("mark.png", (200, 200)),
    ],
)
def test_planted_furniture_has_its_stated_size(name, size):
    with Image.open(SITE / "images" / name) as image:
        assert image.size == size


def test_the_cut_off_jpeg_has_a_head_and_cannot_be_decoded():
    with Image.open(SITE / "images/attic-scan-cut-off.jpg") as image:
        assert image.size == (480, 320)
        with pytest.raises(OSError, match="truncated"):
            image.load()


def test_the_empty_picture_has_no_bytes():
    assert (SITE / "images/attic-empty.png").stat().st_size == 0


@pytest.mark.parametrize("name", ["attic-not-found-page.jpg", "attic-moved.jpg"])
def test_soft_not_found_pictures_are_html(name):
    assert (SITE / "images" / name).read_bytes().startswith(b"<!doctype html>")


def test_the_missing_picture_is_asked_for():
    assert "images/attic-missing.png" in page("maps/sheets-from-the-attic.html")


@pytest.mark.parametrize(
    ("name", "width", "height"),
    [("scan-oversized.png", 12_000, 9_000), ("scan-of-nothing.png", 40_000, 40_000)],
)
def test_huge_scans_say_their_size_and_hold_all_their_rows(name, width, height):
    data = (SITE / "images" / name).read_bytes()
    assert len(data) < 300_000
    assert int.from_bytes(data[16:20]) == width
    assert int.from_bytes(data[20:24]) == height
    start = data.index(b"IDAT")
    length = int.from_bytes(data[start - 4 : start])
    unpack, unpacked = zlib.decompressobj(), 0
    packed = data[start + 4 : start + 4 + length]
    while packed:
        unpacked += len(unpack.decompress(packed, 1 << 20))
        packed = unpack.unconsumed_tail
    unpacked += len(unpack.flush())
    assert unpacked == height * (1 + width // 8)


def test_the_german_page_says_utf_8_and_is_windows_1252():
    data = (SITE / "de/regen-messen.html").read_bytes()
    assert b'<meta charset="utf-8">' in data
    with pytest.raises(UnicodeDecodeError):
        data.decode("utf-8")
    assert "weiß" in data.decode("windows-1252")


def test_a_picture_comes_inside_the_page():
    assert page("geometry/one-cut.html").count('src="data:image/png;base64,') == 1


@pytest.mark.parametrize("form", ["<picture>", "data-src=", "srcset=", "<noscript>"])
def test_the_dial_page_has_every_form_of_modern_picture(form):
    assert form in page("instruments/photographing-dials.html")


def test_one_page_nests_twenty_thousand_divs():
    assert "<div>" * 20_000 in page("maps/lighthouse-bearings.html")


def test_one_page_stops_inside_a_tag():
    assert page("weather/rainbow-angle.html").endswith("<em clas")


def test_one_photograph_is_in_cmyk():
    with Image.open(SITE / "images/seven-red-apples.jpg") as image:
        assert image.mode == "CMYK"


def test_one_photograph_lies_on_its_side_until_exif_is_obeyed():
    with Image.open(SITE / "images/hills-two-clouds.jpg") as image:
        assert image.size == (320, 480)
        assert image.getexif()[0x0112] == 6
        upright = ImageOps.exif_transpose(image)
    assert upright.size == (480, 320)
    assert upright.getpixel((240, 5))[2] > 200, "the sky is at the top"


def test_the_wheel_turns():
    with Image.open(SITE / "images/water-wheel-turning.gif") as image:
        assert image.n_frames == 6


@pytest.mark.parametrize(
    "path", ["shop/offers.html", "drafts/two-columns.html", "tools/widget.html"]
)
def test_pages_of_bad_text_show_what_they_are_there_for(path):
    telling = {
        "shop/offers.html": "Fresh flour from the mill, buy now and save today.",
        "drafts/two-columns.html": "Lorem ipsum",
        "tools/widget.html": "enable JavaScript",
    }
    assert telling[path] in page(path)


def test_every_article_picture_has_an_alt_text():
    figures = [
        match
        for html in files(SITE, ".html").values()
        for match in re.findall(r"(?s)<figure>.*?</figure>", html.decode("latin-1"))
    ]
    assert len(figures) > 60
    assert all(re.search(r'alt="[^"]{3,}"', figure) for figure in figures)
