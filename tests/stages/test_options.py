from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import pytest

from stages.options import coerce, option_types, type_name


@dataclass(frozen=True, kw_only=True)
class _Operator:
    reads: ClassVar[tuple[str, ...]] = ("messages",)
    min_words: int = 50
    languages: tuple[str, ...] = ()
    _cache: dict[str, Any] = field(default_factory=dict)
    derived: int = field(init=False, default=0)


def test_options_are_the_fields_that_a_user_may_set():
    assert option_types(_Operator) == {"min_words": int, "languages": tuple[str, ...]}


@pytest.mark.parametrize(
    ("value", "wanted", "expected"),
    [
        (3, int, 3),
        (3, float, 3.0),
        (0.5, float, 0.5),
        (True, bool, True),
        ("tiny", str, "tiny"),
        ("media", Literal["text", "media"], "media"),
        ([1, 2.5], tuple[float, ...], (1.0, 2.5)),
        ([], tuple[str, ...], ()),
        ([1, "a"], tuple[int, str], (1, "a")),
        (None, int | None, None),
        (2, str | int, 2),
        ([[1, 2], [3]], tuple[tuple[int, ...], ...], ((1, 2), (3,))),
    ],
)
def test_a_value_of_yaml_becomes_the_type_of_the_option(value, wanted, expected):
    result = coerce(value, wanted)
    assert result == expected
    assert type(result) is type(expected)


@pytest.mark.parametrize(
    ("value", "wanted", "message"),
    [
        (0.5, int, "must be a whole number, got 0.5"),
        (True, int, "must be a whole number, got True"),
        (True, float, "must be a number, got True"),
        ("0.5", float, "must be a number, got '0.5'"),
        (1, bool, "must be true or false, got 1"),
        (7, str, "must be a text, got 7"),
        (None, str, "must be a text, got None"),
        ("rows", Literal["text", "media"], "must be one of 'text', 'media', got 'rows'"),
        ("ab", tuple[str, ...], "must be a list, got 'ab'"),
        ([1, "x"], tuple[float, ...], "must be a number, got 'x'"),
        ([1], tuple[int, str], "must be a list of 2, got 1: \\[1\\]"),
        ("x", int | float, "must be a whole number or a number, got 'x'"),
    ],
)
def test_a_value_that_does_not_fit_is_told_what_it_must_be(value, wanted, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        coerce(value, wanted)


def test_types_have_names_that_a_person_would_use():
    assert type_name(tuple[int, ...]) == "a list of whole numbers"
    assert type_name(Literal["best", "first"]) == "one of 'best', 'first'"
    assert type_name(float) == "a number"
