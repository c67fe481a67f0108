import pytest

from stages.engines.language import LanguageIdentifier
from stages.tag_language import TagLanguage
from tests.text_batches import batch_of

SENTENCES = {
    "en": "The committee will meet again on Thursday to discuss the new proposal.",
    "de": "Der Ausschuss trifft sich am Donnerstag wieder, um den Vorschlag zu besprechen.",
    "fr": "Le comité se réunira de nouveau jeudi pour discuter de la proposition.",
    "ru": "Комитет снова соберётся в четверг, чтобы обсудить новое предложение.",
    "zh": "委员会将于星期四再次开会讨论新的提案。",
    "ja": "委員会は木曜日に再び集まって、新しい提案について話し合います。",
}


@pytest.mark.parametrize(("language", "sentence"), SENTENCES.items())
def test_the_engine_knows_the_language_of_a_sentence(language: str, sentence: str) -> None:
    found, confidence = LanguageIdentifier().load()(sentence)
    assert found == language
    assert 0.5 < confidence <= 1.0


def test_the_engine_reads_the_beginning_only() -> None:
    identify = LanguageIdentifier(max_chars=len(SENTENCES["en"])).load()
    assert identify(SENTENCES["en"] + SENTENCES["ru"] * 9) == identify(SENTENCES["en"])


@pytest.mark.parametrize("text", ["", " \n", "--- *** ..."])
def test_text_without_letters_is_undetermined(text: str) -> None:
    assert LanguageIdentifier().load()(text) == ("und", 0.0)


def test_tags_each_row_by_its_text_parts() -> None:
    batch = batch_of(["Der", SENTENCES["de"]], SENTENCES["en"], [None], [])
    tagged = TagLanguage().build()(batch).table
    assert tagged.column("tags").to_pylist() == [["lang:de"], ["lang:en"], *[["lang:und"]] * 2]
    confidences = [dict(each)["language_confidence"] for each in tagged.column("meta").to_pylist()]
    assert confidences[2:] == ["0.0000", "0.0000"]
    assert all(0.5 < float(each) <= 1 for each in confidences[:2])


def test_other_tags_and_meta_stay_and_an_old_language_is_replaced() -> None:
    batch = batch_of(
        SENTENCES["en"],
        tags=[["lang:de", "news"]],
        meta=[{"url": "u", "language_confidence": "1"}],
    )
    tagged = TagLanguage().build()(batch).table
    assert tagged.column("tags").to_pylist() == [["news", "lang:en"]]
    keys = [key for key, _ in tagged.column("meta").to_pylist()[0]]
    assert keys == ["url", "language_confidence"]


def test_tagging_twice_changes_nothing() -> None:
    tag = TagLanguage().build()
    once = tag(batch_of(*SENTENCES.values()))
    assert tag(once).table.equals(once.table)


def test_an_empty_batch_stays_empty() -> None:
    batch = batch_of()
    assert TagLanguage().build()(batch).table.equals(batch.table)
