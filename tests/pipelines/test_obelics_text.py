"""The recipe of OBELICS's text filters: the numbers as published, and what they do together."""

from pathlib import Path

import pytest

from pipelines.recipe import Recipe, load_recipe
from pipelines.walk import walk
from stages.media import MediaStore
from stages.record import document, media_part, table_of, text_part
from stages.stage import Batch, Filter
from tests.fakes import texts_of

PATH = Path(__file__).parents[2] / "pipelines/recipes/obelics_text.yaml"
PROSE = (
    "The miller gets up before it is light, and the first thing he does is to look at the sky.",
    "If the wind comes from the west, he turns the cap of the mill and sets the sails with care.",
    "Then he pours the grain into the box above the stones, and soon there is a smell of flour.",
)


@pytest.fixture(scope="module")
def recipe(crawled: Path) -> Recipe:
    return load_recipe(PATH, read=[str(crawled)], here=False)


@pytest.fixture(scope="module")
def tiny(crawled: Path) -> Recipe:
    return load_recipe(PATH, read=[str(crawled)], tiny=True)


def bounds(recipe: Recipe, over: str) -> dict[str, tuple[float | None, float | None]]:
    return {
        limit.score: (limit.min, limit.max)
        for step in recipe.steps
        if isinstance(step.operator, Filter) and step.operator.over == over
        for limit in step.operator.limits()
        if limit.score not in ("ok", "uppercase_share", "digit_share")
    }


def test_paragraphs_have_the_published_bounds(recipe: Recipe) -> None:
    assert bounds(recipe, "text") == {
        "words": (4, 1000),
        "character_repetition_share": (None, 0.1),
        "word_repetition_share": (None, 0.1),
        "special_share": (None, 0.3),
        "stop_word_share": (0.3, None),
        "flagged_word_share": (None, 0.01),
        "punctuation_share": (0.001, None),
        "common_word_share": (0.8, None),
    }


def test_documents_have_the_published_bounds(recipe: Recipe) -> None:
    assert bounds(recipe, "sample") == {
        "images": (1, 30),
        "words": (10, 2000),
        "character_repetition_share": (None, 0.1),
        "word_repetition_share": (None, 0.2),
        "special_share": (None, 0.275),
        "stop_word_share": (0.35, None),
        "flagged_word_share": (None, 0.01),
        "punctuation_share": (0.03, None),
        "common_word_share": (0.9, None),
        "language_confidence": (0.8, None),
        "perplexity": (0, 1500),
    }


def test_all_paragraphs_are_judged_before_any_document(recipe: Recipe) -> None:
    levels = [each.operator.over for each in recipe.steps[3:]]
    assert levels == ["text"] * 8 + ["sample"] * 11


def walked(recipe: Recipe, *documents: tuple[str, ...]) -> list[list[str]]:
    rows = [
        {
            "id": f"{number:032x}",
            "messages": document([*map(text_part, texts), media_part(0)]),
            "media": [{"type": "image"}],
            "tags": ["lang:en"],
            "meta": [("language_confidence", "0.99")],
        }
        for number, texts in enumerate(documents)
    ]
    batch = Batch(table=table_of(rows), store=MediaStore(root=Path("unused")))
    outcome = walk(batch, recipe.steps[3:])
    left = outcome.batch
    return [texts_of(left.with_rows(left.table.slice(i, 1))) for i in range(len(left))]


@pytest.mark.parametrize(
    "paragraph",
    [
        "Share this page",  # words
        "Ha ha ha ha ha ha ha ha ha ha ha ha ha ha ha ha ha ha ha ha",  # repetition
        "+++ 12 – 14 *** 2026 ### 99,95 € +++ it is on sale +++",  # special characters
        "Windmill sails hardware timber bearings delivery Monday",  # stop words
        "It is a porn of the mill and all that there is of it",  # flagged words
        "It is in the mill and on the hill and at the river and so it is",  # punctuation
        "She qwpt qwerty asdf zxcv poiu in an uiop of hjkl and vbnm, rewq",  # common words
    ],
)
def test_a_bad_paragraph_goes_and_its_document_stays(tiny: Recipe, paragraph: str) -> None:
    assert walked(tiny, (*PROSE, paragraph)) == [list(PROSE)]


def test_a_document_goes_by_its_own_bounds_though_its_paragraphs_stay(tiny: Recipe) -> None:
    short = ("Then he pours the grain in.",)  # 6 words
    assert walked(tiny, short, PROSE) == [list(PROSE)]
