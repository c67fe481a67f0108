import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.licence import Licence, canonical_licence
from tests.text_batches import batch_of, scores_of


def allowed(operator: Licence, *licences: str | None) -> list[float]:
    sources = [{"licence": each} for each in licences]
    batch = batch_of(*["text"] * len(licences), source=sources)
    return scores_of(operator, batch)["allowed"]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("https://creativecommons.org/licenses/by/4.0/", "CC-BY-4.0"),
        ("http://www.creativecommons.org/licenses/by-nc-sa/2.5/legalcode", "CC-BY-NC-SA-2.5"),
        ("//creativecommons.org/licenses/by-sa/3.0/de/deed.en", "CC-BY-SA-3.0-DE"),
        ("HTTPS://creativecommons.org/licenses/BY-ND/4.0?ref=x", "CC-BY-ND-4.0"),
        ("https://creativecommons.org/licenses/by/4.0/deed.de", "CC-BY-4.0"),
        ("https://creativecommons.org/licenses/by", "CC-BY"),
        ("https://creativecommons.org/publicdomain/zero/1.0/", "CC0-1.0"),
        ("https://creativecommons.org/publicdomain/mark/1.0/", "CC-PDM-1.0"),
        (" cc by-sa 4.0 ", "CC-BY-SA-4.0"),
        ("CC-BY-3.0-DE", "CC-BY-3.0-DE"),
        ("cc0", "CC0"),
        ("CC-PDM", "CC-PDM"),
        ("All rights reserved", "all rights reserved"),
        ("https://creativecommons.org/about", "https://creativecommons.org/about"),
        ("", ""),
    ],
)
def test_a_licence_has_one_name(text: str, name: str) -> None:
    assert canonical_licence(text) == name


@pytest.mark.parametrize(
    ("licence", "score"),
    [
        ("https://creativecommons.org/licenses/by/4.0/", 1.0),
        ("https://creativecommons.org/licenses/by-sa/3.0/de/", 1.0),
        ("https://creativecommons.org/publicdomain/zero/1.0/", 1.0),
        ("https://creativecommons.org/publicdomain/mark/1.0/", 1.0),
        ("https://creativecommons.org/licenses/by-nc/4.0/", 0.0),
        ("https://creativecommons.org/licenses/by-nd/4.0/", 0.0),
        ("https://creativecommons.org/licenses/by-nc-sa/4.0/", 0.0),
        ("All rights reserved", 0.0),
        ("https://mill.example/terms?not=creativecommons.org/licenses/by/4.0/", 0.0),
    ],
)
def test_the_free_licences_of_creative_commons_are_allowed(licence: str, score: float) -> None:
    assert allowed(Licence(), licence) == [score]


def test_a_version_can_be_asked_for() -> None:
    licences = ("CC BY 4.0", "CC BY 3.0", "CC BY 4.0 DE", "CC BY")
    assert allowed(Licence(allowed=("cc-by-4.0",)), *licences) == [1.0, 0.0, 1.0, 0.0]


def test_other_licences_are_compared_as_written() -> None:
    operator = Licence(allowed=("MIT", "https://mill.example/free"))
    assert allowed(operator, "mit", "https://mill.example/FREE", "MIT-0") == [1.0, 1.0, 0.0]


@pytest.mark.parametrize(("unknown", "score"), [("keep", np.nan), ("drop", 0.0)])
def test_samples_without_a_licence_are_kept_or_dropped_as_told(unknown, score) -> None:
    np.testing.assert_equal(allowed(Licence(unknown=unknown), None, "", " "), [score] * 3)


def test_the_reason_is_the_licence() -> None:
    sources = [{"licence": "CC BY-NC 4.0"}, {"licence": None}]
    reasons = Licence().reasons(batch_of("a", "b", source=sources))
    assert reasons == ["CC-BY-NC-4.0", "no licence"]


def test_an_empty_licence_is_refused() -> None:
    with pytest.raises(ValueError, match="set unknown instead"):
        Licence(allowed=("CC0", " "))


def test_another_word_for_unknown_is_refused() -> None:
    with pytest.raises(ValueError, match="'maybe', it must be 'keep' or 'drop'"):
        Licence(unknown="maybe")


terms = st.sampled_from(["by", "by-sa", "by-nc", "by-nd", "by-nc-sa", "by-nc-nd"])


@given(terms, st.sampled_from(["2.0", "3.0", "4.0"]), st.sampled_from(["", "de", "igo"]), terms)
def test_only_equal_terms_allow_a_licence(
    licence: str, version: str, country: str, wanted: str
) -> None:
    url = f"https://creativecommons.org/licenses/{licence}/{version}/{country}"
    assert allowed(Licence(allowed=(f"CC-{wanted}",)), url) == [float(licence == wanted)]
