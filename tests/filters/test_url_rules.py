import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.url_rules import UrlRules
from stages.errors import NotReadyError
from tests.text_batches import batch_of, scores_of


def blocked(operator: UrlRules, *urls: str | None) -> dict[str, list[float]]:
    sources = [{"uri": url} for url in urls]
    return scores_of(operator, batch_of(*["text"] * len(urls), source=sources))


@pytest.mark.parametrize(
    ("url", "score"),
    [
        ("http://mill.example/a", 1.0),
        ("HTTPS://WWW.Mill.Example", 1.0),
        ("http://a.b.mill.example.:8080?q", 1.0),
        ("http://user:p@ss@mill.example/", 1.0),
        ("http://windmill.example/", 0.0),
        ("http://mill.example.org/", 0.0),
        ("http://mill.example@other.example/", 0.0),
        ("http://other.example/mill.example", 0.0),
        ("http://other.example?http://mill.example/", 0.0),
        ("http://[2001:db8::1]/", 0.0),
        ("file:notes.txt", 0.0),
    ],
)
def test_a_domain_blocks_its_hosts_and_no_others(url: str, score: float) -> None:
    assert blocked(UrlRules(domains=("Mill.example",)), url)["blocked_domain"] == [score]


def test_strings_are_looked_for_in_the_whole_url_in_any_case() -> None:
    urls = ("http://mill.example/Casino/1", "http://casino.example", "http://mill.example/")
    assert blocked(UrlRules(strings=("CASINO",)), *urls)["blocked_string"] == [1.0, 1.0, 0.0]


def test_entries_come_from_the_options_and_from_the_files(tmp_path) -> None:
    domains, strings = tmp_path / "domains", tmp_path / "strings"
    domains.write_text("Weevil.example\n\n")
    strings.write_text("Poker\n")
    operator = UrlRules(
        domains=("rot.example",),
        domains_path=str(domains),
        strings=("bingo",),
        strings_path=str(strings),
    )
    operator.check()
    urls = ("http://rot.example/poker", "http://weevil.example/bingo", "http://mill.example/")
    assert blocked(operator, *urls) == {
        "blocked_domain": [1.0, 1.0, 0.0],
        "blocked_string": [1.0, 1.0, 0.0],
    }


def test_samples_without_a_url_are_not_judged() -> None:
    scores = blocked(UrlRules(domains=("a.example",)), None, "")
    assert all(np.isnan(values).all() for values in scores.values())


@pytest.mark.parametrize("domain", ["http://mill.example/", "mill.example/a", "", ".example"])
def test_an_entry_that_is_no_domain_is_refused(domain: str) -> None:
    with pytest.raises(ValueError, match=r"is no domain; write it as 'mill\.example'"):
        UrlRules(domains=(domain,))


def test_an_entry_of_a_file_that_is_no_domain_is_refused_and_the_file_named(tmp_path) -> None:
    path = tmp_path / "domains"
    path.write_text("mill.example\n||ads.example^\n")
    with pytest.raises(NotReadyError, match=r"domains'.*ads\.example\^' is no domain"):
        UrlRules(domains_path=str(path)).check()


def test_a_recipe_that_blocks_nothing_is_refused() -> None:
    with pytest.raises(NotReadyError, match="nothing is blocked"):
        UrlRules().check()


@pytest.mark.parametrize("option", ["domains_path", "strings_path"])
def test_a_file_that_is_missing_is_refused(tmp_path, option: str) -> None:
    with pytest.raises(NotReadyError, match="nowhere"):
        UrlRules(**{option: str(tmp_path / "nowhere")}).check()


def test_an_empty_string_is_refused() -> None:
    with pytest.raises(ValueError, match="every URL holds"):
        UrlRules(strings=("",))


labels = st.lists(st.sampled_from(["a", "b", "ab"]), min_size=1, max_size=4).map(".".join)


@settings(max_examples=200, deadline=None)
@given(labels, labels)
def test_a_host_is_blocked_when_it_is_the_domain_or_ends_in_it(host: str, domain: str) -> None:
    scores = blocked(UrlRules(domains=(domain,)), f"http://{host}/")
    expected = host == domain or host.endswith(f".{domain}")
    assert scores["blocked_domain"] == [float(expected)]
