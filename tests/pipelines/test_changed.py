"""Which options are limits and nothing else, held against what every filter of the product does."""

import dataclasses
from typing import get_args

import numpy as np
import pytest

from filters.c4_rules import C4Rules
from filters.gopher_quality import GopherQuality
from filters.media_status import MediaStatus
from pipelines.catalogue import all_operators, find_operator
from pipelines.changed import Changed, limit_options
from pipelines.recipe import Step
from stages.embeddings import with_embeddings
from stages.errors import NotReadyError
from stages.options import option_types
from stages.stage import Filter, Limit
from tests.fakes import Chars, batch_of, sample

FILTERS = [cls for cls in map(find_operator, all_operators()) if issubclass(cls, Filter)]
PICTURE = {"width_px": 640, "height_px": 200, "status": "ok", "alt": "A mill by the river."}
TEXTS = (
    "The miller of the village grinds rye. The mill stands by the river, and its wheel turns!",
    "Rye rye rye 12 oats... {flour} #1\nshort\nThe same line again.\nThe same line again.",
)


def changed(old, new):
    steps = [Step(name="chars", operator=operator) for operator in (old, new)]
    return Changed(place=0, old=steps[0], new=steps[1])


def test_options_that_a_score_is_made_with_are_no_limits():
    assert limit_options(Chars) == {"min_chars", "max_chars"}
    assert limit_options(C4Rules) >= {"min_sentences", "min_clean_share"}
    assert "min_line_words" not in limit_options(C4Rules)
    assert not {"stop_words", "over"} & limit_options(GopherQuality)
    assert limit_options(MediaStatus) == set()


def test_where_a_filter_hands_itself_on_no_option_is_a_limit_alone():
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Secretive(Chars):
        def build(self):
            return Chars.build(self)

    assert limit_options(Secretive) == set()


@pytest.mark.parametrize("cls", FILTERS, ids=lambda cls: cls.__name__)
def test_another_limit_leaves_every_score_as_it_is(cls):
    operator = cls()
    try:
        operator.check()
    except NotReadyError as error:
        pytest.skip(str(error))
    rows = [sample("a", *TEXTS, media=[PICTURE]), sample("b", TEXTS[1]), sample("c")]
    batch = batch_of([{**row, "meta": {"language_confidence": "0.7"}} for row in rows])
    batch = batch.with_table(with_embeddings(batch.table, "clip", {}))
    before = operator.build()(batch)
    for name in sorted(limit_options(cls)):
        after = _other(operator, name).build()(batch)
        assert after.keys() == before.keys()
        for score, values in before.items():
            np.testing.assert_array_equal(after[score], values)


def _other(operator, name):
    """Return the filter with another value of a limit, whichever it takes."""
    value = getattr(operator, name)
    if isinstance(value, str):
        others = [each for each in get_args(option_types(type(operator))[name]) if each != value]
        return dataclasses.replace(operator, **{name: others[0]})
    for factor in (0.5, 2, 0.9, 1.1):
        other = tuple(v * factor for v in value) if isinstance(value, tuple) else value * factor
        try:
            return dataclasses.replace(operator, **{name: type(value)(other) if other else 1})
        except ValueError:
            continue
    raise AssertionError(f"{name} of {operator} takes no other value")


def test_a_change_of_limits_says_which_are_tighter():
    looser = changed(Chars(min_chars=3), Chars(min_chars=2))
    assert [(old.min, new.min) for old, new in looser.limits] == [(3, 2)]
    assert looser.tightened == []
    tighter = changed(Chars(min_chars=3), Chars(min_chars=2, max_chars=50))
    assert tighter.tightened == [Limit(score="chars", min=2, max=50)]
    assert changed(Chars(), Chars(over="text")).limits == []
