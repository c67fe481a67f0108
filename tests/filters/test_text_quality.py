"""TextQuality."""

import numpy as np
import pytest

from filters.text_quality import TextQuality
from stages.engines.text_quality import TextClassifier
from stages.errors import NotReadyError
from stages.record import document, media_part, text_part
from tests.fakes import batch_of as rows_of
from tests.text_batches import batch_of, broken_rules, scores_of

PROSE = (
    "We walked along the river until it began to rain. Nobody had brought a coat, so we waited "
    "under the bridge and watched the water rise. After an hour the sun came out again."
)
MENU = "Home | Products | Support | My account\nSign up | Basket (0)\nFollow us"


def test_prose_is_kept_and_a_menu_dropped():
    assert broken_rules(TextQuality(), batch_of(PROSE, MENU)) == [set(), {"text_quality"}]


def test_a_document_is_scored_as_its_texts_in_one_and_texts_by_themselves():
    batch = batch_of([PROSE, MENU])
    whole = scores_of(TextQuality(), batch)["text_quality"]
    assert whole == TextClassifier().load()([f"{PROSE}\n\n{MENU}"]).tolist()
    parts = scores_of(TextQuality(over="text"), batch)["text_quality"]
    assert parts == TextClassifier().load()([PROSE, MENU]).tolist()


def test_pictures_and_their_captions_are_taken_out():
    media = [{"type": "image", "caption": MENU}]
    shown = {
        "id": "shown",
        "messages": document([text_part(PROSE), media_part(0), text_part(MENU)]),
        "media": media,
    }
    bare = {"id": "bare", "messages": document([text_part(PROSE)]), "media": []}
    found = TextQuality().build()(rows_of([shown, bare]))["text_quality"]
    assert found[0] == found[1]


def test_the_bounds_themselves_are_kept():
    (found,) = scores_of(TextQuality(), batch_of(PROSE))["text_quality"]
    assert broken_rules(TextQuality(min_score=found, max_score=found), batch_of(PROSE)) == [set()]
    above, below = TextQuality(min_score=found + 1e-6), TextQuality(max_score=found - 1e-6)
    assert broken_rules(above, batch_of(PROSE)) == [{"text_quality"}]
    assert broken_rules(below, batch_of(PROSE)) == [{"text_quality"}]


def test_other_languages_and_texts_without_words_are_not_judged():
    batch = batch_of(PROSE, PROSE, PROSE, "", [], tags=[["lang:en"], ["lang:de"], [], [], []])
    judged = ~np.isnan(scores_of(TextQuality(), batch)["text_quality"])
    assert judged.tolist() == [True, False, True, False, False]
    every = scores_of(TextQuality(language=""), batch)["text_quality"]
    assert (~np.isnan(every)).tolist() == [True, True, True, False, False]


def test_a_missing_model_is_told_before_the_run():
    with pytest.raises(NotReadyError, match=r"none\.npz"):
        TextQuality(classifier=TextClassifier(model="none.npz")).check()
