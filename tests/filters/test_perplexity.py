import random
from pathlib import Path

import numpy as np
import pytest

from filters.perplexity import Perplexity
from stages.engines.language_model import LanguageModel
from stages.engines.train_ngram import train
from stages.errors import NotReadyError
from tests.text_batches import batch_of, broken_rules, scores_of

TINY = LanguageModel(path="tiny")
PROSE = (
    "The committee met on Tuesday to discuss the plans for the new library. Several people from "
    "the village had come to listen, and most of them thought that the old school would be the "
    "better place for it.",
    "We walked along the river until it began to rain. Nobody had brought a coat, so we waited "
    "under the bridge and watched the water rise. After an hour the sun came out again.",
    "To make a good soup, cut the onions very small and let them turn brown in a little butter. "
    "Then add the water and the bones, and let everything cook slowly for three hours.",
    "The engine was built in 1912 and ran for forty years. When the last miller died, his son "
    "sold the stones and kept the house, in which his family still lives today.",
)  # none of it is in the examples, which the tiny model was trained on
ARPA = """\\data\\
ngram 1=5
ngram 2=2

\\1-grams:
-2.0\t<unk>
-99\t<s>\t-0.5
-1.0\t</s>
-0.5\tthe\t-0.25
-1.5\tmill

\\2-grams:
-0.25\t<s> the
-0.125\tthe mill

\\end\\
"""


def shuffled(text: str) -> str:
    words = text.split()
    random.Random(7).shuffle(words)
    return " ".join(words)


def kenlm_model(tmp_path: Path, **options: str) -> LanguageModel:
    path = tmp_path / "model.arpa"
    path.write_text(ARPA)
    return LanguageModel(path=str(path), **options)


@pytest.mark.parametrize("prose", PROSE)
def test_prose_is_more_likely_than_its_words_in_another_order(prose: str) -> None:
    batch = batch_of(prose, shuffled(prose))
    in_order, mixed = scores_of(Perplexity(models=(TINY,)), batch)["perplexity"]
    assert in_order < 8
    assert mixed > 1.05 * in_order


@pytest.mark.parametrize(
    "text",
    [
        "Home | About us | Contact | Log in | Sign up | Privacy policy | Terms of use | © 2024",
        "asdkjh aslkdjh qweoiu zxmcnb alksjd poqwie qpwoei zmxncb",
        "Buy cheap PILLS online!!! best price $$$ click >>> http://buy.example/x?id=77&ref=abc",
        "0x3fa8 ld r1, #44; mov [bp+2], ax; jnz .L2; xor eax, eax; ret",
        "ｈｅｌｌｏ ｗｏｒｌｄ �� â€™ Ã©tÃ© â€œquotedâ€",
    ],
)
def test_garbage_and_boilerplate_are_less_likely_than_any_prose(text: str) -> None:
    *of_prose, of_garbage = scores_of(Perplexity(models=(TINY,)), batch_of(*PROSE, text))[
        "perplexity"
    ]
    assert of_garbage > 1.5 * max(of_prose)


def test_perplexity_is_per_token_of_kenlm_with_the_ends_of_lines(tmp_path: Path) -> None:
    operator = Perplexity(models=(kenlm_model(tmp_path),))
    # <s> the: -.25, the mill: -.125, mill </s>: -1 (mill has no weight); 3 tokens
    # <s> other: -.5 and -2, unknown </s>: -1; 2 tokens
    batch = batch_of("the mill", "other", "the mill\nother", ["the mill", "other"])
    expected = [10 ** (1.375 / 3), 10 ** (3.5 / 2), 10 ** (4.875 / 5), 10 ** (4.875 / 5)]
    assert scores_of(operator, batch)["perplexity"] == pytest.approx(expected)
    over_text = Perplexity(over="text", models=operator.models)
    expected = [*expected[:3], *expected[:2]]
    assert scores_of(over_text, batch)["perplexity"] == pytest.approx(expected)


def test_our_own_models_count_characters_and_ends_of_lines(tmp_path: Path) -> None:
    train(["ab", "ab"], order=2, min_count=1).save(tmp_path / "m.npz")
    model = LanguageModel(path=str(tmp_path / "m.npz"))
    log10, tokens = model.load()(*_lines("ab\nab"))
    score = scores_of(Perplexity(models=(model,)), batch_of("ab\nab"))["perplexity"]
    assert tokens.tolist() == [3, 3]
    assert score == pytest.approx([10 ** (-log10.sum() / 6)])


def _lines(text: str) -> tuple[np.ndarray, np.ndarray]:
    tokens = batch_of(text).tokens()
    return tokens.data, tokens.lines


def test_a_text_on_the_bound_is_kept_and_beyond_it_dropped(tmp_path: Path) -> None:
    models = (kenlm_model(tmp_path),)
    batch = batch_of("the mill", "other")
    low, high = scores_of(Perplexity(models=models), batch)["perplexity"]
    exact = Perplexity(models=models, min_perplexity=low, max_perplexity=high)
    assert broken_rules(exact, batch) == [set(), set()]
    narrow = Perplexity(models=models, min_perplexity=low + 0.01, max_perplexity=high - 0.01)
    assert broken_rules(narrow, batch) == [{"perplexity"}] * 2


def test_each_row_is_judged_by_the_model_of_its_language(tmp_path: Path) -> None:
    texts = ["the mill"] * 5
    tags = [["lang:en"], ["news", "lang:de"], ["lang:fr"], [], ["news"]]
    batch = batch_of(*texts, tags=tags)
    english = kenlm_model(tmp_path, language="en")
    tiny, arpa = (
        scores_of(Perplexity(models=(each,)), batch_of("the mill"))["perplexity"][0]
        for each in (TINY, kenlm_model(tmp_path))
    )
    assert scores_of(Perplexity(models=(english, TINY)), batch)["perplexity"] == pytest.approx(
        [arpa, tiny, tiny, arpa, arpa]
    )
    alone = scores_of(Perplexity(models=(english,)), batch)["perplexity"]
    assert alone == pytest.approx([arpa, np.nan, np.nan, arpa, arpa], nan_ok=True)
    over_text = scores_of(Perplexity(models=(english,), over="text"), batch)["perplexity"]
    assert over_text == pytest.approx(alone, nan_ok=True)


def test_texts_without_words_are_not_judged() -> None:
    scores = scores_of(Perplexity(models=(TINY,)), batch_of("", [None, " \n"], []))
    assert np.isnan(scores["perplexity"]).all()


def test_an_empty_batch_gives_empty_scores() -> None:
    for over in ("sample", "text"):
        assert scores_of(Perplexity(models=(TINY,), over=over), batch_of()) == {"perplexity": []}


def test_two_models_of_one_language_are_refused() -> None:
    with pytest.raises(ValueError, match=r"two models of one language: \['', ''\]"):
        Perplexity(models=(TINY, TINY))


def test_models_that_are_not_there_are_missed_before_a_run(tmp_path: Path) -> None:
    Perplexity(models=(TINY,)).check()
    with pytest.raises(NotReadyError, match=r"no language model is named; set models"):
        Perplexity().check()
    with pytest.raises(NotReadyError, match=r"no language model 'en.bin'; name a KenLM file, or"):
        Perplexity(models=(LanguageModel(path="en.bin"),)).check()
    with pytest.raises(NotReadyError, match=r"no language model 'en.sp.model'"):
        kenlm_model(tmp_path, pieces_path="en.sp.model").check()


def test_a_missing_package_is_named_with_the_command(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("stages.engines.language_model.find_spec", lambda name: None)
    with pytest.raises(NotReadyError, match=r"package kenlm; pip install 'quern\[kenlm\]'"):
        kenlm_model(tmp_path).check()


def test_a_file_that_kenlm_cannot_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.arpa").write_text("no model")
    with pytest.raises(NotReadyError, match=r"KenLM cannot read .*model\.arpa"):
        LanguageModel(path=str(tmp_path / "model.arpa")).load()


def test_pieces_are_those_of_the_sentencepiece_model(tmp_path: Path) -> None:
    sentencepiece = pytest.importorskip("sentencepiece")
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(PROSE * 20),
        model_prefix=str(tmp_path / "pieces"),
        vocab_size=60,
        minloglevel=2,
    )
    model = kenlm_model(tmp_path, pieces_path=str(tmp_path / "pieces.model"))
    _, tokens = model.load()(*_lines("the mill of 1912"))
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(tmp_path / "pieces.model"))
    assert tokens.tolist() == [len(pieces.encode("the mill of 0000")) + 1]
