import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.extraction.charset import decode

RUSSIAN = "Сегодня идёт снег, и люди на улицах города говорят о погоде. " * 3
CHINESE = "今天下雪了，人们在家里读书。我们去北京大学学习中文。" * 3
JAPANESE = "今日は雪が降っています。東京の大学で日本語を勉強します。" * 3
FRENCH = "L'été dernier, les élèves étaient déjà très occupés à l'école. " * 3


def page(text: str, head: str = "") -> str:
    return f"<html><head>{head}</head><body><p>{text}</p></body></html>"


@pytest.mark.parametrize(
    ("text", "charset"),
    [
        (RUSSIAN, "windows-1251"),
        (RUSSIAN, "koi8-r"),
        (CHINESE, "gb18030"),
        (JAPANESE, "shift_jis"),
        (JAPANESE, "euc-jp"),
        (JAPANESE, "iso-2022-jp"),
        (FRENCH, "iso-8859-1"),
        (FRENCH, "utf-8"),
    ],
)
@pytest.mark.parametrize("told_by", ["header", "meta", "nobody", "a wrong header"])
def test_charsets_are_found_by(told_by, text, charset):
    head = f"<meta charset={charset}>" if told_by == "meta" else ""
    told = {"header": charset, "a wrong header": "utf-8"}.get(told_by)
    content_type = f"text/html; charset={told}" if told else "text/html"
    raw = page(text, head).encode(charset)
    assert decode(raw, content_type=content_type) == page(text, head)


def test_a_western_default_of_the_server_is_not_believed_for_cyrillic():
    raw = page(RUSSIAN).encode("windows-1251")
    assert RUSSIAN in decode(raw, content_type="text/html; charset=ISO-8859-1")


def test_the_declaration_of_the_page_is_tried_after_a_wrong_header():
    raw = page(RUSSIAN, "<meta charset=windows-1251>").encode("windows-1251")
    assert RUSSIAN in decode(raw, content_type="text/html; charset=utf-8")


@pytest.mark.parametrize("charset", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_wins(charset):
    raw = page(RUSSIAN).encode(charset)
    assert decode(raw, content_type="text/html; charset=koi8-r") == page(RUSSIAN)


@pytest.mark.parametrize("charset", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_mark_is_seen(charset):
    assert decode(page(RUSSIAN).encode(charset)) == page(RUSSIAN)


def test_latin_1_means_windows_1252():
    assert decode(b"<p>\x93quoted\x94", content_type="text/html; charset=latin1") == "<p>“quoted”"


def test_utf_8_cut_in_the_middle_of_a_character_stays_utf_8():
    assert decode((RUSSIAN * 3).encode()[:-1]).startswith(RUSSIAN)


def test_an_unknown_label_is_passed_over():
    assert decode("é".encode(), content_type="text/html; charset=no-such") == "é"


@given(st.binary(max_size=300), st.text(max_size=40))
def test_any_bytes_decode(raw, content_type):
    assert isinstance(decode(raw, content_type=content_type), str)


@given(st.text(st.characters(codec="utf-8", exclude_characters="\x1b\x00\ufeff"), max_size=200))
def test_utf_8_decodes_as_python_does(text):
    assert decode(text.encode()) == text
