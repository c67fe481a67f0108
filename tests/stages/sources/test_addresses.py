"""Addresses that mean one medium."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.sources.addresses import address_key, scheme_of

SAME = [
    ("http://a.example/x.png", "https://a.example/x.png"),
    ("http://a.example/x.png", "http://a.example/x.png#top"),
    ("http://a.example/x.png", "http://A.Example:80/x.png"),
    ("https://a.example:443/x.png", "https://a.example/x.png"),
    ("http://a.example", "http://a.example/"),
    ("http://a.example/%7Ea b.png", "http://a.example/~a%20b.png"),
    ("http://a.example/ü.png", "http://a.example/%C3%BC.png"),
    ("http://a.example/x?q=%61", " http://a.example/x?q=a "),
]
DIFFERENT = [
    ("http://a.example/x.png", "http://b.example/x.png"),
    ("http://a.example/x.png", "http://a.example/X.png"),
    ("http://a.example/x?w=1", "http://a.example/x?w=2"),
    ("http://a.example:8080/x", "http://a.example/x"),
    ("http://a.example/x", "file://a.example/x"),
    ("data:image/png,a%20b", "data:image/png,a b"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_two_ways_to_write_an_address_have_one_key(one, other):
    assert address_key(one) == address_key(other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_addresses_of_different_media_have_different_keys(one, other):
    assert address_key(one) != address_key(other)


@pytest.mark.parametrize(
    ("uri", "scheme"),
    [("HTTP://a", "http"), ("data:,", "data"), ("a/b:c", ""), ("", ""), ("x", ""), (":x", "")],
)
def test_the_scheme_is_what_stands_before_the_colon(uri, scheme):
    assert scheme_of(uri) == scheme


@given(st.text() | st.text().map("http://[".__add__))
def test_no_text_raises(uri):
    assert isinstance(address_key(uri), bytes)
    assert isinstance(scheme_of(uri), str)
