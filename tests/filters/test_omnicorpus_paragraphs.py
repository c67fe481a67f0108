import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.omnicorpus_paragraphs import OmnicorpusParagraphs
from stages.media import MediaStore
from stages.record import document, media_part, table_of, text_part
from stages.stage import Batch
from tests.text_batches import batch_of, broken_rules, scores_of

PROSE = "The miller lifts the upper stone and cleans the grooves with a steel tool."
PICTURE = None
"""Stands for a picture in the documents of these tests."""


def page(*documents: list[str | None], tags: list[str] | None = None) -> Batch:
    rows = []
    for number, blocks in enumerate(documents):
        pictures = [block for block in blocks if block is PICTURE]
        parts = [media_part(0) if block is PICTURE else text_part(block) for block in blocks]
        row = {"id": f"{number:032x}", "messages": document(parts), "tags": tags or []}
        rows.append(row | {"media": [{"type": "image"}] if pictures else []})
    return Batch(table=table_of(rows), store=MediaStore(root=Path("unused")))


def broken(*blocks: str | None, **options: int) -> list[set[str]]:
    return broken_rules(OmnicorpusParagraphs(**options), page(list(blocks)))


def test_prose_breaks_no_rule() -> None:
    assert broken("# The mill", PROSE, PICTURE, PROSE, "## The wheel", PROSE) == [set()] * 5


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        ("One two three four", {"words"}),
        ("One two three four five", set()),
        ("a b c d e", {"characters"}),
        ("a b c d ef", set()),
        ("THE MILL IS CLOSED on MONDAY", {"uppercase_share"}),
        ("The MILL is CLOSED on MONDAY", set()),
        ("123456 123456 123456 123456 1234x", {"digit_share"}),
        ("More than twelve people said 25 likes", {"social_counter"}),
        ("There were in the end 25 Comments:", {"social_counter"}),
        ("So far the mill has got 1 like", {"social_counter"}),
        ("What nobody in the village likes is noise", set()),
        ("This is what it will look like", set()),
        ("Please sign in to see your orders", {"call_to_action"}),
        ("There are three items in your cart", {"call_to_action"}),
        ("Nobody may sign in here but those who have paid for a seat", set()),
        ("The most read of this week's stories", {"navigation"}),
        ("Please write to us for more information about it", {"navigation"}),
        ("Contact us by letter or by phone", {"navigation"}),
        ("Call the miller at 555-123-4567 or come by the mill", {"contact"}),
        ("Call the miller at (555) 123-4567 or come by the mill", {"contact"}),
        ("Last updated on March 3, 2021 by the whole team of the mill", {"date_or_time"}),
        ("The mill is open on weekdays until 4:30 pm", {"date_or_time"}),
        ("It is told by @miller from the hill", {"date_or_address"}),
        ("It is all at http://mill.example/ for you", {"date_or_address"}),
        ("Originally published on the miller's own page", {"date_or_address"}),
        ("By Jo Miller, our correspondent there", {"byline"}),
        ("By now all of the corn had been ground and put into sacks", set()),
        ("This page is sponsored by our friends", {"sponsored"}),
        ("Special thanks go to everybody who helped", {"credit"}),
        ("The wheel has forty blades (Miller and Stone, 1912)", {"credit"}),
        (f"{PROSE} Read more »", {"unfinished"}),
        (f"{PROSE} Click here", {"unfinished"}),
        ("Those who want to read more should go to the library", set()),
    ],
)
def test_a_paragraph_breaks_the_rules_named(text: str, rules: set[str]) -> None:
    assert broken(PROSE, text, PROSE)[1] == rules


@pytest.mark.parametrize(
    "text",
    ["# Mill", "- 25 likes", "1. sign in", "| 1 | 2 |", "```\nX\n```", "> Read more", r"\[ x \]"],
)
def test_blocks_with_marks_are_no_paragraphs(text: str) -> None:
    assert broken(PROSE, text, PROSE)[1] == set()


def test_headings_with_names_and_dates_go_too() -> None:
    found = broken("## By Jo Miller", PROSE, "### 2021-03-03", PROSE)
    assert found == [{"byline"}, set(), {"date_or_address"}, set()]


def test_shares_are_not_judged_near_a_picture() -> None:
    loud = "THE MILL IS CLOSED TODAY"
    assert broken(loud, *[PROSE] * 9, PICTURE)[0] == set()
    assert broken(loud, *[PROSE] * 10, PICTURE)[0] == {"uppercase_share"}
    assert broken(loud, PROSE, PICTURE, picture_distance=1)[0] == {"uppercase_share"}


def test_numbered_references_go_when_they_end_the_document() -> None:
    note = "[1] A book about the grinding of corn, published in Berlin."
    assert broken(PROSE, note, note, *[PROSE] * 4)[1:3] == [{"reference"}] * 2
    assert broken(PROSE, note, note, *[PROSE] * 5)[1:3] == [set()] * 2


def test_everything_goes_from_a_short_line_of_references_in_the_last_quarter_on() -> None:
    found = broken(*[PROSE] * 5, "## References", PROSE, PROSE)
    assert found == [set()] * 8
    found = broken(*[PROSE] * 6, "## References", PROSE)
    assert [each == {"reference"} for each in found] == [False] * 6 + [True] * 2
    assert broken(*[PROSE] * 7, "His preferences changed over the years.")[7] == set()


def test_a_last_paragraph_in_brackets_is_a_note() -> None:
    note = "(This story was not edited by our staff.)"
    assert broken(PROSE, note, PROSE)[1] == set()
    assert broken(PROSE, PROSE, note)[2] == {"closing_note"}


def test_a_heading_before_another_of_its_level_is_empty() -> None:
    found = broken("# One", "## Two", "## Three", PROSE, "## Four", PICTURE, "## Five", PROSE)
    assert [each == {"empty_heading"} for each in found] == [False, True, *[False] * 5]


def test_headings_of_neighbouring_documents_have_nothing_to_do_with_each_other() -> None:
    batch = page([PROSE, "## Two"], ["## Three", PROSE])
    assert broken_rules(OmnicorpusParagraphs(), batch) == [set()] * 4


def test_comments_go_until_the_next_heading_of_their_level() -> None:
    found = broken(PROSE, "## 3 Comments", PROSE, "### Jo", PROSE, "## More", PROSE)
    assert [each == {"comments"} for each in found] == [False, *[True] * 4, False, False]


def test_a_short_credit_next_to_a_picture_goes() -> None:
    credit = "Photo by the miller of Sand"
    assert broken(PROSE, PICTURE, credit)[1] == {"picture_credit"}
    assert broken(credit, PICTURE, PROSE)[0] == {"picture_credit"}
    assert broken(credit, PROSE, PICTURE)[0] == set()
    assert broken(PROSE, PICTURE, "Photo by the miller of Sand in 1912 or so")[1] == set()


def test_phrases_are_not_looked_for_in_other_languages() -> None:
    batch = page(["By Jo Miller", "Zwei Worte"], tags=["lang:de"])
    assert broken_rules(OmnicorpusParagraphs(), batch) == [{"words"}, {"words"}]


def test_a_paragraph_on_a_bound_is_kept() -> None:
    operator = OmnicorpusParagraphs(max_uppercase_share=0.5, max_digit_share=0.25)
    found = broken_rules(operator, page([PROSE, "aB cD eF gH iJ", "ab cd ef gh 12345"]))
    assert found == [set(), set(), {"digit_share"}]
    assert broken_rules(operator, page([PROSE, "ABc DEf gh iJ Kl mN"])) == [set(), set()]


def test_texts_without_words_break_no_phrase_rule() -> None:
    assert (
        broken_rules(OmnicorpusParagraphs(), batch_of("", [None, " \n"], []))
        == [{"words", "characters"}] * 3
    )


def test_an_empty_batch_gives_empty_scores() -> None:
    scores = scores_of(OmnicorpusParagraphs(), batch_of())
    assert set(map(tuple, scores.values())) == {()}


# --- an independent reading of the rules, in plain Python, text by text ---

FLAGS = re.ASCII | re.IGNORECASE
WORDS = re.compile(r"[水車は粉をひく]|[^\s水車は粉をひく]+")
DATE = re.compile(r"\bMarch [0-9]{1,2}, [0-9]{4}\b|\b[0-9]{1,2}:[0-9]{2}\b", FLAGS)


def reference(blocks: list[str | None]) -> list[dict[str, float]]:
    texts = [block.strip() for block in blocks if block is not PICTURE]
    places = [i for i, block in enumerate(blocks) if block is not PICTURE]
    levels = [len(m[1]) if (m := re.match(r"(#{1,6})\s", text)) else 0 for text in texts]
    comments = _below_comments(texts, levels)
    return [
        _plain(text, blocks, place, level)
        | _plain_place(number, texts, levels)
        | {"comments": float(comments[number])}
        for number, (text, place, level) in enumerate(zip(texts, places, levels, strict=True))
    ]


def _plain(text: str, blocks: list[str | None], place: int, level: int) -> dict[str, float]:
    words, marked = text.split(), re.match(r"[-*+•]\s|[0-9]{1,3}[.)]\s|\||```|>|\$\$", text)
    paragraph = not marked and not level
    named = paragraph or level > 0
    beside = [blocks[i] for i in (place - 1, place + 1) if 0 <= i < len(blocks)]
    near = PICTURE in blocks[max(0, place - 10) : place + 11]
    chars = sum(len(line.strip()) for line in text.split("\n"))
    written = "".join(words)
    shares = {
        "uppercase_share": sum(map(str.isupper, written)) / len(written) if written else np.nan,
        "digit_share": sum(map(str.isnumeric, written)) / chars if chars else np.nan,
    }
    short = len(words) <= 9
    scores = {
        "words": len(words) if paragraph else np.nan,
        "characters": chars if paragraph else np.nan,
        **{name: np.nan if near or not paragraph else each for name, each in shares.items()},
        "social_counter": len(words) <= 20
        and re.search(r"(^|\W)(likes|comments)[:.\s]*$", text, FLAGS),
        "call_to_action": len(words) <= 10 and re.search(r"sign in\b|read more", text, FLAGS),
        "navigation": text.lower() == "advertisement",
        "contact": len(words) < 80 and re.search(r"\b\d{3}-\d{3}-\d{4}\b", text, FLAGS),
        "date_or_time": len(words) < 20 and DATE.search(text),
        "unfinished": re.search(r"\bread more\W*$", text, FLAGS),
        "credit": text.lower().startswith("special thanks"),
    }
    scores = {
        name: (float(bool(each)) if paragraph else np.nan)
        if name not in ("words", "characters", *shares)
        else each
        for name, each in scores.items()
    }
    url = short and re.search(r"https?://", text)
    scores["date_or_address"] = float(bool(url)) if named else np.nan
    by = short and re.match(r"\W*by\s", text, FLAGS)
    scores["byline"] = float(bool(by)) if named else np.nan
    scores["sponsored"] = 0.0 if named else np.nan
    credit = len(words) < 8 and not level and PICTURE in beside and "photo" in text.lower()
    return scores | {"picture_credit": float(credit)}


def _plain_place(number: int, texts: list[str], levels: list[int]) -> dict[str, float]:
    numbered = [i for i, text in enumerate(texts) if re.match(r"\[[0-9]{1,2}\]\s.*\.", text)]
    at_end = bool(numbered) and len(texts) - numbered[-1] <= 5
    start = len(texts) - len(texts) // 4
    begins = [
        i
        for i in range(start, len(texts))
        if len(re.findall(r"[水車は粉をひく]|[^\s水車は粉をひく]+", texts[i])) < 10
        and re.search(r"\breferences?\b", texts[i], FLAGS)
    ]
    text = texts[number]
    is_last = number == len(texts) - 1
    return {
        "reference": float((at_end and number in numbered) or any(i <= number for i in begins)),
        "closing_note": float(is_last and len(text) > 1 and text[0] == "(" and text[-1] == ")"),
    }


def _below_comments(texts: list[str], levels: list[int]) -> list[bool]:
    below, level = [], 0
    for text, of_text in zip(texts, levels, strict=True):
        if level and 0 < of_text <= level:
            level = 0
        if of_text and re.fullmatch(r"#+\s+comments\W*", text, FLAGS):
            level = level or of_text
        below.append(level > 0)
    return below


pieces = st.sampled_from(
    [
        *(PICTURE, PROSE, "# Comments", "## Comments", "## Mill", "# References", "by ", "By Jo"),
        *("[1] A book.", "(note)", "advertisement", "Read more", "25 likes", "sign in now"),
        *("photo x", "March 3, 2021", "555-123-4567", "http://x.example", "1912", "ABC DEF"),
        *("- item", "> said", "水車は粉をひく", "😀😀", "x" * 40, "special thanks to all of us"),
    ]
)
block = st.lists(pieces, min_size=1, max_size=3).map(
    lambda some: PICTURE if PICTURE in some else " ".join(some)
)


@settings(max_examples=120, deadline=None)
@given(st.lists(st.lists(block, max_size=12), max_size=3))
def test_decisions_are_those_of_the_plain_reading(documents: list[list[str | None]]) -> None:
    operator = OmnicorpusParagraphs()
    scores = operator.build()(page(*documents))
    expected = [each for blocks in documents for each in reference(blocks)]
    names = set(scores) - {"empty_heading"}
    unspaced = [each for blocks in documents for each in blocks if each is not PICTURE]
    for number, (plain, text) in enumerate(zip(expected, unspaced, strict=True)):
        assert set(plain) == names
        if "水" in text:  # each character is a word there
            continue
        found = {name: scores[name][number] for name in plain}
        np.testing.assert_equal(
            found, {name: np.float32(value) for name, value in plain.items()}, text
        )
