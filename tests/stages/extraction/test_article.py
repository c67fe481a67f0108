import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.extraction.article import Article, article
from stages.extraction.charset import decode

URL = "http://mill.example/posts/flour.html"
LONG = "The miller sets the stones by ear, and the sound tells how fine the flour is today. "


def read(body: str, head: str = "", url: str = URL) -> Article:
    return article(f"<html><head>{head}</head><body>{body}</body></html>", url=url)


def blocks(body: str) -> list[tuple[str, str]]:
    """Return kind and text of the blocks of an article with this in its middle."""
    found = read(f"<article><p>{LONG * 4}</p>{body}<p>{LONG * 4}</p></article>").blocks
    return [(b.kind, b.image.uri if b.image else b.text) for b in found][1:-1]


def text(body: str) -> str:
    return "\n".join(block.text for block in read(body).blocks)


def test_blocks_come_in_document_order():
    markup = (
        f"<h2>Grain</h2><p>{LONG}</p><img src=a.jpg><ul><li>Rye<li>Oats</ul>"
        f"<blockquote><p>{LONG}</blockquote><img src=b.jpg><h2>Stones</h2>"
    )
    kinds = [kind for kind, _ in blocks(markup)]
    assert kinds == [
        "heading",
        "paragraph",
        "image",
        "item",
        "item",
        "quote",
        "image",
        "heading",
    ]


def test_a_picture_splits_the_paragraph_it_stands_in():
    assert blocks("<p>Before it <img src=/a.jpg> after it</p>") == [
        ("paragraph", "Before it"),
        ("image", "http://mill.example/a.jpg"),
        ("paragraph", "after it"),
    ]


def test_levels_of_headings_and_items():
    found = read(
        f"<article><p>{LONG * 9}</p><h3>Grain</h3><ul><li>Rye<ul><li>Winter rye</ul></ul>"
        f"<p>{LONG}</p></article>"
    )
    assert [(b.text, b.level) for b in found.blocks[1:-1]] == [
        ("Grain", 3),
        ("Rye", 1),
        ("Winter rye", 2),
    ]


def test_two_line_breaks_part_paragraphs_and_one_parts_lines():
    assert blocks("<div>One<br>two<br><br>three</div>") == [
        ("paragraph", "One\ntwo"),
        ("paragraph", "three"),
    ]


def test_a_table_of_data_becomes_markdown_rows():
    markup = "<table><tr><th>Grain<th>Price<tr><td>Rye<td>3 | 4<tr><td>Oats<td>5</table>"
    rows = "| Grain | Price |\n| --- | --- |\n| Rye | 3 \\| 4 |\n| Oats | 5 |"
    assert blocks(markup) == [("table", rows)]


def test_a_picture_in_a_table_stands_after_its_row():
    markup = "<table><tr><td>Rye<td>3<td><img src=/a.jpg><tr><td>Oats<td>5</table>"
    assert [kind for kind, _ in blocks(markup)] == ["table", "image", "table"]


def test_a_table_of_layout_is_read_as_text():
    html = f"<table><tr><td><p>{LONG * 4}</p><td><h2>Stones</h2><p>{LONG * 9}</p></table>"
    assert [b.kind for b in read(html).blocks] == ["paragraph", "heading", "paragraph"]


def test_code_keeps_its_whitespace_and_loses_its_line_numbers():
    markup = (
        "<table><tr><td><pre>1\n2</pre><td><pre><code><span class=lineno>1</span>def grind():\n"
        "    return <b>flour</b>\n</code></pre></table>"
    )
    assert blocks(markup) == [("code", "def grind():\n    return flour")]


def test_lines_of_code_in_elements_of_their_own_stay_lines():
    assert blocks("<pre><div>a = 1</div><div>b = 2</div></pre>") == [("code", "a = 1\nb = 2")]


@pytest.mark.parametrize(
    ("markup", "block"),
    [
        (
            '<math display=block><semantics><mi>x</mi><annotation encoding="application/x-tex">'
            "x^2</annotation></semantics></math>",
            ("formula", "x^2"),
        ),
        (
            r"<p>where <math alttext='{\displaystyle x_1}'><mi>x</mi></math> is</p>",
            ("paragraph", "where $x_1$ is"),
        ),
        (
            '<p>so <span class=katex><span class=katex-mathml><math><annotation encoding="'
            'application/x-tex">a+b</annotation></math></span><span class=katex-html>a+b</span>'
            "</span>.</p>",
            ("paragraph", "so $a+b$."),
        ),
        ('<script type="math/tex; mode=display">e=mc^2</script>', ("formula", "e=mc^2")),
        ('<p>of <script type="math/tex">n</script></p>', ("paragraph", "of $n$")),
        (r"<p>is <img class=latex alt='\pi' src=p.png></p>", ("paragraph", r"is $\pi$")),
        ("<p>is <math><mi>y</mi><mo>=</mo><mn>2</mn></math></p>", ("paragraph", "is $y = 2$")),
    ],
)
def test_formulas_are_kept_as_tex(markup, block):
    assert blocks(markup) == [block]


def test_a_script_that_is_no_formula_is_left_out():
    assert blocks("<script>var flour = 1</script>") == []


JUNK = "Read what our readers liked best this week, and tell us what you think about it all. "


@pytest.mark.parametrize(
    "markup",
    [
        f"<nav><p>{JUNK}</p></nav>",
        f"<div role=navigation>{JUNK}</div>",
        f"<aside>{JUNK * 3}</aside>",
        f"<footer>{JUNK}</footer>",
        f"<div class=sidebar>{JUNK * 3}</div>",
        f"<div id=comments><article class=comment><p>{JUNK * 30}</p></article></div>",
        f"<div class='share-bar'>{JUNK}</div>",
        f"<div class=advertisement>{JUNK}</div>",
        f"<section class=related-posts><p>{JUNK * 3}</p></section>",
        f"<div class=cookie-consent>{JUNK}</div>",
        f"<p style='display: none'>{JUNK}</p>",
        f"<p hidden>{JUNK}</p>",
        f"<form><p>{JUNK}</p><input></form>",
        f"<ul><li><a href=1>{JUNK}</a><li><a href=2>{JUNK}</a></ul>",
        f"<noscript>{JUNK}</noscript>",
    ],
)
def test_boilerplate_inside_the_article_is_dropped(markup):
    assert blocks(markup) == []


def test_boilerplate_around_the_article_is_dropped():
    found = text(
        f"<header><a href=/>Mill</a></header><div class=left-rail><p>{JUNK * 4}</p></div>"
        f"<div class=post-content><p>{LONG * 6}</p></div><div class=footer><p>{JUNK}</p></div>"
    )
    assert found == (LONG * 6).strip()


def test_title_standfirst_and_picture_above_the_text_belong_to_it():
    found = read(
        f"<article><header><h1>Flour</h1><p class=lead>How it is ground</p>"
        f"<figure><img src=/top.jpg></figure></header>"
        f"<div class=article-body><p>{LONG * 6}</p></div></article>"
    )
    assert [b.kind for b in found.blocks] == ["heading", "paragraph", "image", "paragraph"]


def test_sections_of_one_article_are_joined():
    part = f"<div class=article-body><p>{LONG * 4}</p></div>"
    found = read(f"<div>{part}<div class=ad>Buy</div><h2>Stones</h2>{part}</div>")
    assert [b.kind for b in found.blocks] == ["paragraph", "heading", "paragraph"]


def test_posts_of_a_thread_are_all_main_text():
    posts = "".join(
        f"<div class=post><div class=author>Miller {i}</div><div class=post-body><p>{LONG * 3}"
        "</p></div></div>"
        for i in range(5)
    )
    assert text(f"<div id=thread>{posts}</div>").count(LONG.strip()) == 15


def test_a_form_around_the_whole_page_is_no_form():
    assert LONG.strip() in text(f"<form id=aspnetForm><div><p>{LONG * 9}</p></div></form>")


def test_a_name_that_would_leave_nothing_is_not_believed():
    assert LONG.strip() in text(f"<div class=sidebar><p>{LONG * 9}</p></div>")


@pytest.mark.parametrize("body", ["Flour.", "<p>Flour.</p>", "<nav>Flour.</nav>", "<b>Flour."])
def test_a_short_page_is_not_empty(body):
    assert text(body) == "Flour."


def test_a_page_without_anything_has_no_blocks():
    assert read("").blocks == ()
    assert article("", url="").blocks == ()


def test_deeply_nested_inline_elements_keep_their_text():
    assert LONG.strip() in text("<p>" + "<span>" * 600 + LONG * 9 + "</span>" * 600)


def test_chinese_text_without_spaces_is_main_text():
    body = "这台磨坊的石头是用耳朵调的，声音告诉磨坊主面粉有多细。" * 8
    html = f"<div class=nav><a href=/>首页</a></div><div class=zhengwen><p>{body}</p></div>"
    assert text(html) == body


def test_arabic_text_is_main_text():
    body = "يضبط الطحان الحجارة بالأذن، ويخبره الصوت بمدى نعومة الدقيق اليوم. " * 6
    html = f"<ul class=menu><li><a href=/>الرئيسية</a></ul><main dir=rtl><p>{body}</p></main>"
    assert text(html) == body.strip()


def test_invisible_characters_are_left_out():
    assert blocks("<p>Mehl\u00adsack\u200b</p>") == [("paragraph", "Mehlsack")]


@pytest.mark.parametrize(
    ("head", "field", "value"),
    [
        ("<title>Flour</title>", "title", "Flour"),
        (
            "<meta property=og:title content='Flour | The Mill'>"
            "<meta property=og:site_name content='The Mill'>",
            "title",
            "Flour",
        ),
        ("<meta property=og:site_name content='The Mill'>", "site", "The Mill"),
        ("", "site", "mill.example"),
        (
            "<meta property=article:published_time content=2021-03-04T05:06:07Z>",
            "date",
            "2021-03-04",
        ),
        ('<script>{"datePublished": "2021-03-04"}</script>', "date", "2021-03-04"),
        ("<meta name=date content='2021-13-99'>", "date", ""),
        ("<meta http-equiv=content-language content=pt-BR>", "language", "pt"),
        (
            "<link rel=license href=//creativecommons.org/licenses/by/4.0/>",
            "licence",
            "http://creativecommons.org/licenses/by/4.0/",
        ),
        ("", "licence", ""),
    ],
)
def test_metadata_is_read(head, field, value):
    assert getattr(read("<p>x", head=head), field) == value


def test_the_date_may_stand_in_the_address():
    assert read("<p>x", url="http://mill.example/2021/03/4/flour").date == "2021-03-04"


def test_two_different_creative_commons_links_tell_nothing():
    links = "".join(
        f"<a href=https://creativecommons.org/licenses/{name}/4.0/>x</a>"
        for name in ("by", "by-sa")
    )
    assert read(f"<footer>{links}</footer>").licence == ""


def test_articles_pickle():
    found = read(f"<p>{LONG * 9}</p><img src=a.jpg>")
    assert pickle.loads(pickle.dumps(found)) == found


TAGS = """
<div> </div> <p> </p> <table> <tr> <td> </td> </table> <ul> <li> </ul> <pre> </pre> <a~href=x> </a>
<figure> <figcaption> </figure> <img~src=a.png> <picture> <source~srcset=b> </picture> <noscript>
</noscript> <math> </math> <br> <h1> </h1> <div~class=sidebar> <div~class=caption> <nav> </nav>
<form> </form> <blockquote> </blockquote> <svg> </svg> <template> </template> </article> <frameset>
<article~class=post-content> </body> </html> <!-- --> text
"""
MARKUP = st.lists(st.sampled_from(TAGS.split()), max_size=60)


@given(MARKUP)
def test_any_markup_is_read(tags):
    assert isinstance(article("".join(tags).replace("~", " "), url=URL), Article)


@given(st.binary(max_size=400))
def test_any_bytes_are_read(raw):
    assert isinstance(article(decode(raw), url=URL), Article)


@given(st.text(st.characters(), max_size=100), st.text(max_size=40))
def test_any_text_and_address_are_read(html, url):
    assert isinstance(article(html + f"<img src='{url}'>", url=url), Article)


CC_LINK = "<a href=https://creativecommons.org/licenses/by/4.0/>CC BY</a>"


@pytest.mark.parametrize(
    ("html", "licence"),
    [
        (f"<div class=caption>Photo: {CC_LINK}</div>", ""),
        (f"<blockquote>Said elsewhere {CC_LINK}</blockquote>", ""),
        (f"<footer><p>{CC_LINK}</p></footer>", "https://creativecommons.org/licenses/by/4.0/"),
        (
            f"<p class=site-license>{CC_LINK}</p>",
            "https://creativecommons.org/licenses/by/4.0/",
        ),
    ],
)
def test_a_creative_commons_link_is_the_pages_licence_in_a_notice_alone(html, licence):
    assert read(f"<p>{LONG}</p>{html}").licence == licence


def test_a_section_under_a_heading_of_its_own_brings_its_figure_along():
    found = read(
        f"<div><h2>Tools</h2><div><img src=tools.png></div>"
        f"<div><h3>Brushes</h3><p>{LONG * 6}</p></div></div>"
    ).blocks
    assert [b.kind for b in found] == ["heading", "image", "heading", "paragraph"]


def test_an_icon_inside_a_line_parts_no_sentence():
    assert blocks("<p>Press <img src=/images/tool-move-16.png> to move it.</p>") == [
        ("paragraph", "Press to move it.")
    ]


def test_a_title_that_is_a_link_is_kept_if_the_page_is_called_so():
    body = f"<h1><a href=/x>On flour</a></h1><article><p>{LONG * 6}</p></article>"
    assert read(body, "<title>On flour</title>").blocks[0].text == "On flour"
    assert read(body, "<title>Something else</title>").blocks[0].kind == "paragraph"


@pytest.mark.parametrize(
    "markup",
    [
        "<table class='infobox vcard'><tr><td>Height</td><td>9 m</td></table>",
        "<aside class=quote><p>{}</p></aside>",
        "<dl class=Bl-tag><dt>-v<dd>Height of the mill in metres.</dl>",
    ],
)
def test_what_only_sounds_like_boilerplate_is_kept(markup):
    assert blocks(markup.format(LONG))
