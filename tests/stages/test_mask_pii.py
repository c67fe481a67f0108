import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stages.mask_pii import MaskPii, mask_text
from tests.fakes import batch_of, sample, texts_of

AWS = "AKIA" + "ABCDEFGH12345678"
GITHUB = "ghp_" + "a1B2" * 9
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow==\n-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("Ask anna.muller+corn@post.mill.example.", "Ask [email]."),
        ("<mailto:a_b@mill.example>", "<mailto:[email]>"),
        ("a@mill.example,b@mill.example", "[email],[email]"),
        ("Call +49 30 1234567 now", "Call [phone] now"),
        ("Call +44 (0)20 7946 0958.", "Call [phone]."),
        ("+14155550123", "[phone]"),
        ("(415) 555-0123 or 415-555-0123, 415.555.0123", "[phone] or [phone], [phone]"),
        ("1-800-555-0123", "[phone]"),
        ("Tel.: 030/1234567", "Tel.: [phone]"),
        ("Phone number: 020 7946 0958", "Phone number: [phone]"),
        ("fax 1234567", "fax [phone]"),
        ("from 93.184.216.34:80", "from [ip]:80"),
        ("from 2606:2800:220:1:248:1893:25c8:1946.", "from [ip]."),
        (f"key {AWS}, token {GITHUB}", "key [secret], token [secret]"),
        ("sk-proj-" + "aB3" * 8, "[secret]"),
        ("eyJhbGciOiJI.eyJzdWIiOiIx.SflKxwRJSMeKK", "[secret]"),
        (f"see {PEM}!", "see [secret]!"),
        ("api_key = 'a1b2c3d4e5f6a7b8c9'", "api_key = '[secret]'"),
    ],
)  # fmt: skip
def test_replaces(text: str, masked: str) -> None:
    assert mask_text(text)[0] == masked


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-22, 22.11.2026, 11/22/2026, 2026-11-22T10:20:30+0100, 10:20:30",
        "1990-1995 and 2001-2010-2020",
        "version 10.22.33.44, v1.22.33.44, Section 12.22.33.44, 120.0.6099.109, 1.2.3.4, 3.11.2",
        "$1,234,567.89, 1.234.567,89 €, 12 345 678 kg, +20 000 000 people",
        "ISBN 978-0-306-40615-7, 0-306-40615-2, 9780306406157, ISSN 0378-5955",
        "48.858370, 2.294481; +48.858370, -2.294481; 48°51'30\"N",
        "10.1038/s41586-021-03819-2 and arXiv:2406.17557",
        "the phone 2026-11-22, phone 12.11.2026",
        "127.0.0.1, 192.168.178.20, 10.0.0.138, 0.0.0.0, 999.10.20.30",
        "std::vector, a::b, 2::, 12:34:56",
        "logo@2x.png icon@big.svg user@localhost git@mill.example:corn @miller@mill.example",
        "sk-learn-something-very-long-and-plain, api_key = your_own_key_goes_here",
        "c0ffee254729296a45a3885639ac7e10f9d54979 and 123e4567-e89b-12d3-a456-426614174000",
        "4111 1111 1111 1111 and 3.14159265358979",
    ],
)
def test_leaves(text: str) -> None:
    assert mask_text(text) == (text, {})


def test_counts_go_to_meta_and_are_added_to_earlier_ones() -> None:
    rows = [
        sample("a", "a@mill.example", "plain", "b@mill.example 93.184.216.34"),
        sample("b", "plain"),
        sample("c", "tel 1234567") | {"meta": [("title", "corn"), ("pii_phone", "2")]},
    ]
    made = MaskPii().build()(batch_of(rows))
    assert texts_of(made) == ["[email]", "plain", "[email] [ip]", "plain", "tel [phone]"]
    assert [dict(meta) for meta in made.table.column("meta").to_pylist()] == [
        {"pii_email": "2", "pii_ip": "1"},
        {},
        {"title": "corn", "pii_phone": "3"},
    ]


def test_pictures_stay_in_their_places() -> None:
    batch = batch_of([sample("a", "a@mill.example", media=[{"uri": "u"}])])
    made = MaskPii().build()(batch)
    types = made.parts().values.field("type").to_pylist()
    assert types == ["text", "image"]
    assert made.table.column("media").equals(batch.table.column("media"))


def test_a_batch_without_anything_to_mask_is_the_same() -> None:
    batch = batch_of([sample("a", "The wheel turns.")])
    assert MaskPii().build()(batch) is batch


SEEDS = [
    "a", "a.", "a@a.", "1", "1.", "+1 ", "1:", "2001:", "eyJaaaaaaaa.", "sk-", "tel:1", "api_key=",
    "-----BEGIN PRIVATE KEY-----a", "[email]", "415-555-",
]  # fmt: skip


@pytest.mark.parametrize("seed", SEEDS)
def test_a_megabyte_of_anything_comes_to_an_end(seed: str) -> None:
    text = (seed * 1_000_000)[:1_000_000]
    masked, counts = mask_text(text)  # a quadratic pattern takes hours
    assert (masked == text) == (not counts)


pieces = st.sampled_from([
    "a@mill.example", "a", "@", "b.example", "+49 30 1234567", "+", "415-555-0123", "8", " ", ".",
    "93.184.216.34", "version ", "tel: ", "1234567", "-", "[email]", "[", "]", AWS, PEM, "sk-",
    "api_key=", "a1b2c3d4e5f6a7b8c9", "2606:2800:220:1:248:1893:25c8:1946", ":", "/", "(", ")",
    "eyJhbGciOiJI.eyJzdWIiOiIx.SflKxwRJSMeKK", GITHUB,
])  # fmt: skip


@settings(max_examples=500, deadline=None)
@given(st.lists(pieces, max_size=12).map("".join))
@example("a@b.version 93.184.216.34")
@example("a@mill.example.tel: 1234567")
@example("+49 30 1234567/93.184.216.34")
def test_masking_twice_is_masking_once(text: str) -> None:
    masked, _ = mask_text(text)
    assert mask_text(masked) == (masked, {})


@settings(max_examples=200, deadline=None)
@given(st.lists(pieces, max_size=12).map("".join))
def test_the_stage_masks_what_mask_text_does(text: str) -> None:
    made = MaskPii().build()(batch_of([sample("a", text)]))
    assert texts_of(made) == [mask_text(text)[0]]
