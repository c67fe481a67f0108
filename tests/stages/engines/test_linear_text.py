"""The light model: what n-grams it takes of a text, what it makes of them, its file."""

import numpy as np
import pyarrow as pa
import pytest

from stages.engines.linear_text import LinearText, buckets_of
from stages.errors import NotReadyError
from stages.tokens import Tokens, core_hashes, tokenize

BUCKETS = 1 << 12
NO_WORDS = np.empty(0, np.uint64)


def tokens_of(*texts: str | None) -> Tokens:
    row = np.arange(len(texts))
    return tokenize(pa.array(texts, pa.string()), row=row, rows=len(texts))


def ngrams(text: str, vocabulary=NO_WORDS) -> list[int]:
    return buckets_of(tokens_of(text), np.sort(vocabulary), BUCKETS)[0].tolist()


def model(**options) -> LinearText:
    weights = np.random.default_rng(5).normal(size=BUCKETS).astype(np.float32)
    return LinearText(**({"vocabulary": NO_WORDS, "weights": weights, "bias": 0.25} | options))


def test_a_line_of_n_words_has_n_words_n_plus_1_pairs_and_n_triples():
    assert len(ngrams("stone")) == 1 + 2 + 1
    assert len(ngrams("the stone turns")) == 3 + 4 + 3
    assert len(ngrams("the stone\n\nturns")) == len(ngrams("the stone")) + len(ngrams("turns"))


def test_common_words_stand_for_themselves_and_others_for_their_form():
    common = core_hashes(("stone", "alone"))
    assert ngrams("stone") == ngrams("alone")
    assert ngrams("stone", common) != ngrams("alone", common)
    assert ngrams("Stone", common) == ngrams("stone", common)


@pytest.mark.parametrize("other", ["Stone", "stones", "stone,", "st0ne", "STONE", "a stone"])
def test_capitals_length_endings_marks_and_digits_are_part_of_the_form(other):
    assert ngrams("stone") != ngrams(other)


def test_the_order_of_words_matters_beyond_single_ones():
    once, turned = ngrams("it is"), ngrams("is it")
    assert set(once) & set(turned)
    assert sorted(once) != sorted(turned)


def test_the_score_is_the_logistic_of_the_mean_weight():
    scored = model()
    for text in ("the stone turns", "one\ntwo, three.\n\nFour!"):
        found = [scored.weights[each] for each in ngrams(text)]
        wanted = 1 / (1 + np.exp(-(np.mean(found) + 0.25)))
        assert scored.score(tokens_of(text))[0] == pytest.approx(wanted, rel=1e-5)


def test_a_text_is_scored_the_same_among_others():
    texts = ["the stone turns", "one\ntwo", "Menu"]
    alone = [model().score(tokens_of(text))[0] for text in texts]
    assert model().score(tokens_of(*texts)).tolist() == alone


def test_a_text_without_words_is_not_judged():
    assert np.isnan(model().score(tokens_of("", None, "mill", " \n "))).tolist() == [1, 1, 0, 1]
    assert model().score(tokens_of()).shape == (0,)


def test_a_model_comes_back_from_its_file(tmp_path):
    saved = model(vocabulary=np.sort(core_hashes(("the", "of"))))
    saved.save(tmp_path / "m.npz")
    again = LinearText.read(tmp_path / "m.npz")
    assert again.vocabulary.tolist() == saved.vocabulary.tolist()
    np.testing.assert_array_equal(again.weights, saved.weights.astype(np.float16))
    assert again.bias == saved.bias


def test_what_is_no_model_is_named_with_the_command_that_makes_one(tmp_path):
    (tmp_path / "m.npz").write_bytes(b"no zip")
    for path in (tmp_path / "m.npz", tmp_path / "none.npz"):
        with pytest.raises(NotReadyError, match=r"m?n?.*npz.*train_text_quality --read TEXTS"):
            LinearText.read(path)
