import re
import unicodedata
from dataclasses import fields

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.media import MediaStore
from stages.record import document, media_part, table_of, text_part
from stages.stage import Batch
from stages.token_kernels import (
    ALL_UPPER,
    ENDS_ELLIPSIS,
    ENDS_SENTENCE,
    ENDS_TERMINAL,
    HAS_DIGIT,
    HAS_LETTER,
    IS_UNSPACED,
    LOWER_START,
    STARTS_BULLET,
)
from stages.tokens import Tokens, core_hashes, share, tokenize
from stages.unicode_classes import IDEOGRAPH, class_table

PIECES = [
    *("the", "The", "word", "NASA", "3.5", "don't", "#tag", "...", "…", "-", "•", "a", ".", "!"),
    *(" ", " ", " ", "\n", "\n", "\t", "\u00a0", "\u200b", "\r"),
    *(
        "你",
        "好",
        "。",
        "，",
        "カ",
        "ナ",
        "が",
        "か\u3099",
        "กา",
        "हिन्दी",
        "É",
        "ß",
        "😀",
        "«",
        "“",
        "”",
        '"',
    ),
    *("\u2028", "\u0085", "Ⅷ", "ǅ", "İ"),
]
texts = st.lists(st.sampled_from(PIECES), max_size=25).map("".join) | st.text(max_size=30)
rows_of_texts = st.lists(st.lists(st.none() | texts, max_size=4), max_size=5)


def tokens_of(rows: list[list[str | None]]) -> Tokens:
    flat = [text for row in rows for text in row]
    row = np.repeat(np.arange(len(rows)), [len(row) for row in rows]).astype(np.int64)
    return tokenize(pa.array(flat, pa.string()), row=row, rows=len(rows))


def one(text: str) -> Tokens:
    return tokens_of([[text]])


def strings(tokens: Tokens, records: np.ndarray) -> list[str]:
    data = tokens.data.tobytes()
    return [data[each["start"] : each["end"]].decode() for each in records]


# --- an independent reading of the rules, in plain Python ---


def is_ideograph(character: str) -> bool:
    name = unicodedata.name(character, "")
    kana = ("HIRAGANA", "HENTAIGANA", "KATAKANA", "VERTICAL KANA")
    halfwidth = ("HALFWIDTH KATAKANA LETTER", "HALFWIDTH KATAKANA-HIRAGANA")
    han = ("CJK UNIFIED", "CJK COMPATIBILITY IDEO", "VERTICAL IDEO", "HANGZHOU")
    marks = ("IDEOGRAPHIC ITERATION", "IDEOGRAPHIC CLOSING", "IDEOGRAPHIC NUMBER", "MASU MARK")
    scripts = (*kana, *halfwidth, *han, *marks, "BOPOMOFO", "YI ")
    return name.startswith(scripts) and is_written(character)


def is_written(character: str) -> bool:
    return unicodedata.category(character)[0] in "LN"


def reference_words(line: str) -> list[str]:
    words = []
    for run in re.split(r"[\s\u200b]+", line):
        word: list[str] = []
        for character in run:
            written = [each for each in word if is_written(each)]
            both = is_written(character) and written
            if both and (is_ideograph(character) or is_ideograph(written[0])):
                words.append("".join(word))
                word = []
            word.append(character)
        words.append("".join(word))
    return [word for word in words if word]


WHITE_SPACE = "".join(chr(code) for code in range(0x3001) if chr(code).isspace())


def reference_lines(text: str | None) -> list[str]:
    lines = [line.strip("\u200b" + WHITE_SPACE) for line in (text or "").split("\n")]
    return [line for line in lines if line]


def reference_core(word: str) -> str:
    kept = [i for i, each in enumerate(word) if is_written(each)]
    if not kept:
        return ""
    last = max(i for i, each in enumerate(word) if unicodedata.category(each)[0] in "LNM")
    core = word[kept[0] : last + 1]
    return "".join(each.lower() if len(each.lower()) == 1 else each for each in core)


@settings(max_examples=300, deadline=None)
@given(rows_of_texts)
def test_words_are_those_of_the_plain_reading(rows: list[list[str | None]]) -> None:
    tokens = tokens_of(rows)
    lines = [line for row in rows for text in row for line in reference_lines(text)]
    words = [word for line in lines for word in reference_words(line)]
    assert strings(tokens, tokens.words) == words
    assert tokens.words["chars"].tolist() == [len(word) for word in words]
    assert [bool(flag) for flag in tokens.has("words", HAS_LETTER)] == [
        any(unicodedata.category(each)[0] == "L" for each in word) for word in words
    ]
    assert tokens.words["ellipses"].tolist() == [w.count("...") + w.count("…") for w in words]


@settings(max_examples=300, deadline=None)
@given(rows_of_texts)
def test_lines_are_those_of_the_plain_reading(rows: list[list[str | None]]) -> None:
    tokens = tokens_of(rows)
    lines = [line for row in rows for text in row for line in reference_lines(text)]
    assert strings(tokens, tokens.lines) == lines
    assert tokens.lines["chars"].tolist() == [len(line) for line in lines]
    assert tokens.lines["words"].tolist() == [len(reference_words(line)) for line in lines]
    assert tokens.count("lines", "sample").tolist() == [
        sum(len(reference_lines(text)) for text in row) for row in rows
    ]
    assert tokens.has("lines", ENDS_ELLIPSIS).tolist() == [
        line.endswith(("...", "…")) and reference_words(line)[-1].endswith(("...", "…"))
        for line in lines
    ]


@settings(max_examples=200, deadline=None)
@given(rows_of_texts)
def test_hashes_are_equal_exactly_for_equal_words(rows: list[list[str | None]]) -> None:
    tokens = tokens_of(rows)
    words = strings(tokens, tokens.words)
    pairs = set(zip(words, tokens.words["hash"].tolist(), strict=True))
    assert len({hash_ for _, hash_ in pairs}) == len(pairs) == len(set(words))
    cores = [reference_core(word) for word in words]
    pairs = set(zip(cores, tokens.words["core"].tolist(), strict=True))
    assert len({hash_ for _, hash_ in pairs}) == len(pairs) == len(set(cores))


def same(left: Tokens, right: Tokens) -> bool:
    named = {field.name for field in fields(Tokens)} - {"data"}
    placed = {"words": ["start", "end"], "lines": ["start", "end"]}
    for name in named:
        mine, other = getattr(left, name).copy(), getattr(right, name).copy()
        for column in placed.get(name, []):
            mine[column] = other[column] = 0
        if mine.tolist() != other.tolist():
            return False
    return strings(left, left.words) == strings(right, right.words)


@settings(max_examples=150, deadline=None)
@given(rows_of_texts, st.data())
def test_keep_texts_equals_tokenizing_what_is_kept(
    rows: list[list[str | None]], data: st.DataObject
) -> None:
    keep = [[data.draw(st.booleans()) for _ in row] for row in rows]
    kept = [
        [text for text, keeps in zip(row, mask, strict=True) if keeps]
        for row, mask in zip(rows, keep, strict=True)
    ]
    flat = np.array([keeps for mask in keep for keeps in mask], dtype=np.bool_)
    assert same(tokens_of(rows).keep_texts(flat), tokens_of(kept))


@settings(max_examples=150, deadline=None)
@given(rows_of_texts, st.data())
def test_keep_rows_equals_tokenizing_what_is_kept(
    rows: list[list[str | None]], data: st.DataObject
) -> None:
    keep = np.array([data.draw(st.booleans()) for _ in rows], dtype=np.bool_)
    kept = [row for row, keeps in zip(rows, keep, strict=True) if keeps]
    assert same(tokens_of(rows).keep_rows(keep), tokens_of(kept))


@settings(max_examples=100, deadline=None)
@given(rows_of_texts)
def test_a_sample_counts_the_sum_of_its_text_parts(rows: list[list[str | None]]) -> None:
    tokens = tokens_of(rows)
    for unit in ("words", "lines", "paragraphs", "chars"):
        parts = iter(tokens.count(unit, "text").tolist())
        assert tokens.count(unit, "sample").tolist() == [
            sum(next(parts) for _ in row) for row in rows
        ]


def test_ideographs_and_kana_stand_alone_and_marks_stay_with_the_word_before() -> None:
    tokens = one("你好，世界。第3章 “カナ”abc")
    expected = ["你", "好，", "世", "界。", "第", "3", "章", "“カ", "ナ”", "abc"]
    assert strings(tokens, tokens.words) == expected
    assert tokens.has("words", IS_UNSPACED).tolist() == [True] * 5 + [False] + [True] * 3 + [False]


def test_a_thai_phrase_is_one_unspaced_word_and_zero_width_spaces_end_it() -> None:
    tokens = one("ภาษาไทย\u200bง่าย")
    assert tokens.count("words", "text").tolist() == [2]
    assert tokens.unspaced("sample").tolist() == [True]


def test_a_document_is_unspaced_only_when_more_than_half_of_its_words_are() -> None:
    assert one("你 ok").unspaced("sample").tolist() == [False]
    assert one("你好 ok").unspaced("sample").tolist() == [True]


@pytest.mark.parametrize(
    ("word", "flag", "bears"),
    [
        ("NASA", ALL_UPPER, True),
        ("NASA-3", ALL_UPPER, True),
        ("NaSA", ALL_UPPER, False),
        ("42", ALL_UPPER, False),
        ("A1", HAS_DIGIT, True),
        ("one", HAS_DIGIT, False),
        ("--", HAS_LETTER, False),
        ("(word", LOWER_START, True),
        ("Word", LOWER_START, False),
        ("end.", ENDS_TERMINAL, True),
        ('end"', ENDS_TERMINAL, True),
        ("end”", ENDS_TERMINAL, True),
        ("界。", ENDS_TERMINAL, True),
        ("(end.)", ENDS_TERMINAL, False),
        ("end,", ENDS_TERMINAL, False),
        ("(end.)", ENDS_SENTENCE, True),
        ('said."', ENDS_SENTENCE, True),
        ('word"', ENDS_SENTENCE, False),
        ("3.5", ENDS_SENTENCE, False),
        ("wait...", ENDS_ELLIPSIS, True),
        ("wait…", ENDS_ELLIPSIS, True),
        ("wait..", ENDS_ELLIPSIS, False),
        ("•item", STARTS_BULLET, True),
        ("-", STARTS_BULLET, True),
        ("-5", STARTS_BULLET, False),
    ],
)
def test_a_word_bears_the_flag(word: str, flag: int, bears: bool) -> None:
    tokens = one(word)
    assert tokens.count("words", "text").tolist() == [1]
    assert tokens.has("words", flag).tolist() == [bears]


def test_a_line_bears_the_flags_of_its_ends() -> None:
    tokens = one("- so it goes.\nnot this\n• and on...")
    assert tokens.has("lines", STARTS_BULLET).tolist() == [True, False, True]
    assert tokens.has("lines", ENDS_TERMINAL).tolist() == [True, False, True]
    assert tokens.has("lines", ENDS_ELLIPSIS).tolist() == [False, False, True]


def test_a_sentence_ends_at_terminal_punctuation_unless_a_small_letter_follows() -> None:
    line = "See e.g. the note. It says (twice.) “Yes!” 3 times? and on"
    assert one(line).lines["sentences"].tolist() == [3]  # note. twice.) Yes!”


def test_equal_words_make_equal_lines_whatever_the_white_space() -> None:
    lines = one("a  b\na\tb \na c").lines["hash"]
    assert lines[0] == lines[1] != lines[2]


def test_blank_lines_and_text_parts_separate_paragraphs() -> None:
    tokens = tokens_of([["one\ntwo\n \t\n\nthree\n", "one\ntwo"]])
    assert tokens.count("paragraphs", "text").tolist() == [2, 1]
    assert tokens.paragraphs["lines"].tolist() == [2, 1, 2]
    assert tokens.paragraphs["hash"][0] == tokens.paragraphs["hash"][2]


def test_empty_null_and_no_texts_hold_nothing() -> None:
    tokens = tokens_of([["", None, " \n \n"], []])
    assert tokens.count("words", "text").tolist() == [0, 0, 0]
    assert tokens.count("lines", "sample").tolist() == [0, 0]
    assert tokens_of([]).count("words", "sample").tolist() == []


def test_a_slice_of_an_array_is_read_from_its_offset() -> None:
    sliced = pa.array(["skipped words", "one", "two three"]).slice(1)
    tokens = tokenize(sliced, row=np.array([0, 0]), rows=1)
    assert strings(tokens, tokens.words) == ["one", "two", "three"]


def test_large_strings_are_read_alike() -> None:
    tokens = tokenize(pa.array(["one two"], pa.large_string()), row=np.array([0]), rows=1)
    assert tokens.count("words", "text").tolist() == [2]


def test_bytes_that_are_not_utf8_are_characters_of_no_class() -> None:
    raw = pa.array([b"ab\xff\xc3", b"\xe4\xbd"]).cast(pa.string(), safe=False)
    tokens = tokenize(raw, row=np.array([0, 0]), rows=1)
    assert tokens.words["chars"].tolist() == [4, 2]


def test_counts_of_one_word_stop_at_255() -> None:
    words = one("#" * 300).words
    assert words["hash_marks"].tolist() == [255]
    assert words["chars"].tolist() == [300]


def test_lines_with_finds_phrases_in_any_ascii_case() -> None:
    tokens = tokens_of([["Please enable JavaScript!\nLorem\nour COOKIE policy", "lorem ipsum"]])
    assert tokens.lines_with(("javascript", "cookie policy")).tolist() == [True, False, True, False]
    assert tokens.lines_with(("lorem ipsum",)).tolist() == [False, False, False, True]
    assert tokens.lines_with(("{",)).tolist() == [False] * 4


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.text("abAB\n é", max_size=12), max_size=4), st.text("abé ", min_size=1, max_size=3)
)
def test_lines_with_agrees_with_in(parts: list[str], phrase: str) -> None:
    tokens = tokens_of([parts])
    lowered = [
        re.sub("[A-Z]", lambda m: m[0].lower(), each) for each in strings(tokens, tokens.lines)
    ]
    assert tokens.lines_with((phrase,)).tolist() == [phrase in line for line in lowered]


def test_core_hashes_find_words_in_any_case_and_punctuation() -> None:
    tokens = one("The, “AND” ÉTÉ! them")
    assert np.isin(tokens.words["core"], core_hashes(("the", "and", "été"))).tolist() == [
        *[True] * 3,
        False,
    ]


def test_core_hashes_refuses_what_is_not_one_word() -> None:
    with pytest.raises(ValueError, match="'as well' is 2 words"):
        core_hashes(("the", "as well"))


def test_share_of_nothing_is_not_judged() -> None:
    shares = share(np.array([1, 0]), np.array([4, 0]))
    assert shares.dtype == np.float32
    assert shares[0] == 0.25
    assert np.isnan(shares[1])


def test_the_batch_tokenizes_text_parts_only_and_carries_tokens_through_edits(tmp_path) -> None:
    rows = [
        {"messages": document([text_part("one two"), media_part(0), text_part("three")])},
        {"messages": document([text_part("four five six")])},
    ]
    batch = Batch(table=table_of(rows), store=MediaStore(root=tmp_path))
    assert batch.tokens().count("words", "sample").tolist() == [3, 3]
    kept = batch.keep_texts(np.array([False, True, True])).keep_rows(np.array([True, False]))
    assert kept.tokens().count("words", "text").tolist() == [1]
    assert strings(kept.tokens(), kept.tokens().words) == ["three"]


@pytest.mark.parametrize("character", "一龥㐀𠀀ぁんカーヾｶㄅꀀ々〇")
def test_the_class_table_knows_ideographs(character: str) -> None:
    assert class_table()[ord(character)] & IDEOGRAPH


@pytest.mark.parametrize("character", "aЖ가ก、。・「〒")
def test_the_class_table_knows_what_is_no_ideograph(character: str) -> None:
    assert not class_table()[ord(character)] & IDEOGRAPH


def test_every_character_is_an_ideograph_where_the_plain_reading_says_so() -> None:
    table = class_table()
    written = [code for code in range(len(table)) if is_written(chr(code))]
    told = [code for code in written if table[code] & IDEOGRAPH]
    assert told == [code for code in written if is_ideograph(chr(code))]
