import pytest

from stages.extraction.article import article
from stages.extraction.images import absolute, largest_of_set, read_image

URL = "http://mill.example/posts/flour/index.html"
BASE = "http://mill.example/posts/flour/"
PIXELS = "data:image/png;base64," + "A" * 400


def images(markup: str, head: str = "", url: str = URL):
    text = "The miller sets the stones by ear, and the sound tells how fine the flour is. " * 5
    html = f"<html><head>{head}</head><body><article><p>{text}</p>{markup}<p>{text}</p></article>"
    return [block.image for block in article(html, url=url).blocks if block.image is not None]


def uris(markup: str, **kwargs):
    return [image.uri for image in images(markup, **kwargs)]


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("stone.jpg", BASE + "stone.jpg"),
        ("./stone.jpg", BASE + "stone.jpg"),
        ("../stone.jpg", "http://mill.example/posts/stone.jpg"),
        ("/stone.jpg", "http://mill.example/stone.jpg"),
        ("//cdn.example/stone.jpg", "http://cdn.example/stone.jpg"),
        ("https://cdn.example/a.jpg?w=1#top", "https://cdn.example/a.jpg?w=1"),
        ("mill stone.jpg", BASE + "mill%20stone.jpg"),
        (" stone\n.jpg ", BASE + "stone.jpg"),
        ("file:///tmp/stone.jpg", "file:///tmp/stone.jpg"),
        ("blob:http://mill.example/1", None),
        ("javascript:void(0)", None),
        ("http://[broken/stone.jpg", "http://[broken/stone.jpg"),
        ("//[broken/stone.jpg", None),
        ("img-{width}.jpg", None),
        ("", None),
        ("#top", None),
        ("data:image/gif;base64,R0", "data:image/gif;base64,R0"),
        ("data:text/html,hello", None),
    ],
)
def test_addresses_become_absolute(address, expected):
    assert absolute(address, URL) == expected


def test_relative_addresses_are_joined_to_the_base_element():
    assert uris("<img src=a.jpg>", head="<base href='/img/'>") == ["http://mill.example/img/a.jpg"]


def test_a_relative_base_is_joined_to_the_page():
    assert uris("<img src=a.jpg>", head="<base href='img/'>") == [BASE + "img/a.jpg"]


@pytest.mark.parametrize(
    ("srcset", "largest"),
    [
        ("a.jpg 320w, b.jpg 1280w, c.jpg 640w", "b.jpg"),
        ("a.jpg 1x, b.jpg 2x", "b.jpg"),
        ("a.jpg, b.jpg 1.5x", "b.jpg"),
        ("a.jpg", "a.jpg"),
        ("a.jpg 1x,b.jpg 3x,c.jpg 2x", "b.jpg"),
        ("w_100,h_50/a.jpg 100w, w_200,h_100/a.jpg 200w", "w_200,h_100/a.jpg"),
        ("a.jpg wide, b.jpg 5w", "b.jpg"),
        ("", None),
    ],
)
def test_the_largest_of_a_source_set_is_chosen(srcset, largest):
    assert largest_of_set(srcset) == largest


def test_a_source_set_goes_before_src():
    assert uris("<img src=s.jpg srcset='m.jpg 2x, l.jpg 3x'>") == [BASE + "l.jpg"]


def test_sources_of_a_picture_are_read():
    markup = (
        "<picture><source type=image/avif srcset=x.avif><source srcset='a.webp 400w, b.webp 900w'>"
        "<img src=s.jpg></picture>"
    )
    assert uris(markup) == [BASE + "b.webp"]


def test_sources_do_not_leak_out_of_their_picture():
    markup = "<picture><source srcset=a.webp><img src=s.jpg></picture><p>Grain</p><img src=t.jpg>"
    assert uris(markup) == [BASE + "a.webp", BASE + "t.jpg"]


@pytest.mark.parametrize(
    "attribute", ["data-src", "data-original", "data-lazy-src", "data-srcset", "data-lazy-srcset"]
)
def test_lazy_attributes_go_before_a_placeholder(attribute):
    markup = f"<img src='data:image/gif;base64,R0lGODlhAQABAAAAACw=' {attribute}=real.jpg>"
    assert uris(markup) == [BASE + "real.jpg"]


def test_the_noscript_copy_of_a_lazy_picture_is_the_same_picture():
    markup = "<img data-src=a.jpg><noscript><img src=a-large.jpg></noscript>"
    assert uris(markup) == [BASE + "a.jpg"]


def test_a_picture_in_noscript_alone_is_kept():
    markup = "<img src=/blank.gif><noscript>Turn on scripts. <img src=a.jpg></noscript>"
    assert uris(markup) == [BASE + "a.jpg"]


def test_data_urls_of_real_size_are_kept():
    assert uris(f"<img src='{PIXELS}'>") == [PIXELS]


@pytest.mark.parametrize(
    "markup",
    [
        "<img src='data:image/gif;base64,R0lGODlhAQABAAAAACw='>",
        "<img src=/img/spacer.gif>",
        "<img src=/pixel.png?x=1>",
        "<img src='https://sb.scorecardresearch.com/p?c1=2'>",
        "<img src=https://pixel.mill.example/a.jpg>",
        "<img src=a.jpg width=1 height=1>",
        "<img src=a.jpg width=32>",
        "<img src=a.jpg height='16px'>",
        "<img src=a.jpg class='icon arrow'>",
        "<img src=a.jpg class='avatar avatar-96'>",
        "<img alt='no address'>",
        "<div class=share-bar><img src=a.jpg></div>",
    ],
)
def test_blanks_icons_and_furniture_are_left_out(markup):
    assert uris(markup) == []


def test_a_picture_just_above_the_size_of_an_icon_is_kept():
    assert uris("<img src=a.jpg width=33 height=33>") == [BASE + "a.jpg"]


def test_names_that_only_contain_blank_are_no_blanks():
    assert uris("<img src=graph-blank.png>") == [BASE + "graph-blank.png"]


def test_alt_title_and_figure_caption_are_kept():
    (image,) = images(
        "<figure><a href=l.jpg><img src=a.jpg alt=' A  stone ' title='Turning'></a>"
        "<figcaption>The <b>upper</b> stone.</figcaption></figure>"
    )
    assert (image.alt, image.title, image.caption) == ("A stone", "Turning", "The upper stone.")


@pytest.mark.parametrize(
    "markup",
    [
        "<div class=wp-caption><img src=a.jpg><p class=wp-caption-text>The stone.</p></div>",
        "<img src=a.jpg><p class=bildunterschrift>The stone.</p>",
        "<div><img src=a.jpg><div class=caption>The stone.</div></div>",
        "<figure><figcaption>The stone.</figcaption><img src=a.jpg></figure>",
    ],
)
def test_captions_are_found_by_their_names_too(markup):
    (image,) = images(markup)
    assert image.caption == "The stone."


def test_each_picture_of_a_figure_gets_its_own_caption_if_there_are_as_many():
    markup = (
        "<figure><img src=a.jpg><figcaption>One.</figcaption>"
        "<img src=b.jpg><figcaption>Two.</figcaption></figure>"
    )
    assert [image.caption for image in images(markup)] == ["One.", "Two."]


def test_attributes_without_an_address_are_no_picture():
    assert read_image({"alt": "x", "srcset": None}, sources=[], base=URL) is None
