from dataclasses import replace

import pyarrow as pa
import pytest

from filters.language import Language
from stages.errors import RecordError
from tests.text_batches import batch_of, broken_rules, scores_of


def tagged(*languages: tuple[str, str]) -> dict[str, list]:
    return {
        "tags": [["news", f"lang:{language}"] for language, _ in languages],
        "meta": [{"language_confidence": confidence} for _, confidence in languages],
    }


def test_any_language_counts_when_none_is_named() -> None:
    batch = batch_of("a", "b", **tagged(("en", "0.75"), ("de", "0.5")))
    assert scores_of(Language(), batch) == {"language_confidence": [0.75, 0.5]}


def test_languages_not_wanted_score_zero() -> None:
    batch = batch_of("a", "b", "c", **tagged(("en", "0.75"), ("de", "0.5"), ("fr", "1.0")))
    scores = scores_of(Language(languages=("en", "de")), batch)
    assert scores == {"language_confidence": [0.75, 0.5, 0.0]}


def test_keeps_samples_at_or_above_min_confidence() -> None:
    batch = batch_of("a", "b", "c", **tagged(("en", "0.75"), ("en", "0.7499"), ("de", "0.9")))
    broken = broken_rules(Language(languages=("en",), min_confidence=0.75), batch)
    assert broken == [set(), {"language_confidence"}, {"language_confidence"}]


def test_the_reason_is_the_language_and_how_sure_it_is() -> None:
    batch = batch_of("a", "b", **tagged(("en", "0.75"), ("de", "0.5")))
    told = ["lang:en, confidence 0.75", "lang:de, confidence 0.50"]
    assert Language().reasons(batch) == told


def test_an_untagged_row_names_the_step_that_is_missing() -> None:
    batch = batch_of("a", "b", tags=[["lang:en"], []], meta=[{"language_confidence": "0.9"}, {}])
    with pytest.raises(RecordError, match=r"row 1 has no .* stages\.tag_language\.TagLanguage"):
        Language().build()(batch)


def test_an_empty_batch_gives_no_scores() -> None:
    assert scores_of(Language(languages=("en",)), batch_of()) == {"language_confidence": []}


def test_a_confidence_outside_zero_to_one_is_refused() -> None:
    with pytest.raises(ValueError, match=r"min_confidence is a probability in \[0, 1\], got 65"):
        Language(min_confidence=65)


def test_text_parts_cannot_be_judged() -> None:
    with pytest.raises(ValueError, match="over is 'text'"):
        Language(over="text")


def test_rows_of_several_chunks_are_read_in_order() -> None:
    one, two = (batch_of("a", "b", **tagged(("en", "0.75"), ("de", "0.5"))) for _ in range(2))
    both = replace(one, table=pa.concat_tables([one.table, two.table]))
    scores = scores_of(Language(languages=("de",)), both)
    assert scores == {"language_confidence": [0.0, 0.5, 0.0, 0.5]}
