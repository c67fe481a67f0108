"""A trimmed page is parsed into the same text, without what is not read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from stages.extraction.trimming import trimmed

PARTS = """< > / " ' = ! - </ --> <!-- <!--> <!DOCTYPE_html> <p> </p> <a_href="x>"> <a_href='>' <b/>
    <div_class=x_data-y="</div>"_id='z'> </div> <script> </script> <script_type="math/tex"> <style>
    </style> <svg><path_d=1/></svg> <svg><div> <svg> </svg> <pre> </pre> <textarea> </textarea>
    <title> </title> <?x> &amp; &lt; \n tea \u00e9 <img_src=x> <table> <tr> <td> </table>"""


def text_of(html: bytes) -> str:
    """Return the text of a page that is no script, style or drawing, without white space."""
    parser = LexborHTMLParser(html)
    parser.strip_tags(["style", "svg"])
    for node in parser.css("script"):
        if "math/tex" not in (node.attributes.get("type") or ""):
            node.decompose()
    return "".join(parser.root.text().split()) if parser.root is not None else ""


@given(st.lists(st.sampled_from([part.replace("_", " ") for part in PARTS.split(" ") if part])))
def test_the_text_is_the_same(parts):
    html = "".join(parts).encode()
    assert text_of(trimmed(html)) == text_of(html)


@given(st.binary(max_size=300))
def test_any_bytes_can_be_trimmed(raw):
    assert len(trimmed(raw)) <= len(raw) + len(raw) // 4 + 1


@pytest.mark.parametrize(
    ("html", "left"),
    [
        ("<script>a</script>b", "b"),
        ("<SCRIPT SRC=x></SCRIPT >b", "b"),
        ("<script><!--<script></script>--></script>b", "b"),
        ("<script type='math/tex'>x</script>", "<script type='math/tex'>x</script>"),
        ("<style>p{}</style>b", "b"),
        ("a<!-- <p> -->b", "ab"),
        ("<!-->b", "b"),
        ("<svg viewBox='0'><title>t</title><path d='M'/></svg>b", "b"),
        ("<svg><p>a</svg>b", "<svg><p>a</svg>b"),
        ("<p class=x data-y='1' onclick=f() id=z>b", "<p class=x id=z>b"),
        ("<img data-src=x>", "<img data-src=x>"),
        ("a \n\t b", "a b"),
        ("<pre>a \n b</pre>  c", "<pre>a \n b</pre> c"),
        ("<textarea><!-- a</textarea>b", "<textarea><!-- a</textarea>b"),
        ("a < b <p class='x", "a < b <p class='x"),
        ("<plaintext><script>", "<plaintext><script>"),
        ("<script>a", ""),
    ],
)
def test_what_is_left_of(html, left):
    assert trimmed(html.encode()).decode() == left
