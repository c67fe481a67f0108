"""No filter takes a bound that means nothing."""

import math
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.catalogue import all_operators, find_operator
from stages.options import default_of
from stages.stage import Filter, Limit

BOUNDED = [
    (cls, field.name, default_of(field))
    for cls in map(find_operator, all_operators())
    if issubclass(cls, Filter)
    for field in fields(cls)
    if field.name.startswith(("min_", "max_"))
]
every_bound = pytest.mark.parametrize(
    ("cls", "name", "default"), BOUNDED, ids=lambda each: getattr(each, "__name__", str(each))
)


def like(default, bound):
    """Return the bound as the option wants it: a number, or as many as the default has."""
    return (*default[1:], bound) if isinstance(default, tuple) else bound


@every_bound
def test_nan_is_no_bound(cls, name, default):
    with pytest.raises(ValueError, match=f"{name} is .*nan.*numbers of at least 0"):
        cls(**{name: like(default, math.nan)})


@every_bound
@given(bound=st.floats(max_value=0, exclude_max=True, allow_nan=False))
def test_a_negative_number_is_no_bound(cls, name, default, bound):
    with pytest.raises(ValueError, match=f"{name} is .*-.*numbers of at least 0"):
        cls(**{name: like(default, bound)})


@given(low=st.floats(allow_nan=False), high=st.floats(allow_nan=False))
def test_a_limit_is_a_range_that_holds_something(low, high):
    if low <= high:
        limit = Limit(score="share", min=low, max=high)
        assert (limit.min, limit.max) == (low, high)
    else:
        with pytest.raises(ValueError, match=r"lower bound of share, .*, exceeds the upper, "):
            Limit(score="share", min=low, max=high)


@pytest.mark.parametrize("end", ["min", "max"])
def test_nan_is_no_end_of_a_limit(end):
    with pytest.raises(ValueError, match="a bound of share is NaN, it must be a number"):
        Limit(score="share", **{end: math.nan})
