"""Training of the light model: what is spoilt, what is learnt, the command."""

from random import Random

import numpy as np
import pyarrow as pa
import pytest

from stages.engines.linear_text import LinearText
from stages.engines.spoilt_texts import PHRASES, SPOIL, buried, keywords, shuffled, teasers
from stages.engines.train_text_quality import area, areas, examples, main, train
from stages.engines.training_texts import LIGHT_TEXT_QUALITY
from stages.tokens import tokenize

TEXT = """The wheel turns slowly in the stream, and the stone grinds the corn all day long.

At night the miller shuts the sluice. He counts the sacks, and his son sweeps the floor.

Nobody knows who built the mill. The oldest map shows it, and the oldest book does not."""


def scores(model: LinearText, *texts: str) -> list[float]:
    row = np.arange(len(texts))
    found = model.score(tokenize(pa.array(texts, pa.string()), row=row, rows=len(texts)))
    return found.tolist()


@pytest.mark.parametrize("spoil", SPOIL, ids=lambda spoil: spoil.__name__)
def test_spoiling_gives_another_text_and_the_same_from_the_same_draw(spoil):
    assert spoil(TEXT, Random(3), PHRASES) == spoil(TEXT, Random(3), PHRASES) != TEXT
    assert spoil(TEXT, Random(3), PHRASES).strip()


def test_shuffling_keeps_the_words_of_each_paragraph():
    for before, after in zip(
        TEXT.split("\n\n"), shuffled(TEXT, Random(1), ()).split("\n\n"), strict=True
    ):
        assert sorted(before.split()) == sorted(after.split())


def test_teasers_begin_sentences_and_keywords_repeat_a_few_words():
    lines = teasers(TEXT, Random(2), PHRASES).split("\n")
    assert all(line.split()[0] in TEXT for line in lines)
    assert len(set(keywords(TEXT, Random(2), PHRASES).replace(",", " ").split())) < 12
    assert any(each in buried(TEXT, Random(2), PHRASES) for each in TEXT.split("\n\n"))


def test_examples_are_good_stretches_each_followed_by_every_way_of_spoiling():
    made = examples([TEXT], PHRASES, seed=0)
    assert made.way.reshape(-1, len(SPOIL) + 1).tolist() == [[-1, *range(len(SPOIL))]] * 12
    assert all(text in TEXT for text in np.array(made.texts)[made.way < 0])
    assert made.texts == examples([TEXT], PHRASES, seed=0).texts
    assert made.texts != examples([TEXT], PHRASES, seed=1).texts


def test_area_is_how_often_the_good_score_higher():
    good, bad = np.float32([0.9, 0.5, 0.5]), np.float32([0.5, 0.1])
    by_pairs = np.mean([(g > b) + 0.5 * (g == b) for g in good for b in bad])
    assert area(good, bad) == pytest.approx(by_pairs)


def test_training_tells_good_from_spoilt_and_is_the_same_twice():
    model, again = train([TEXT] * 2, PHRASES[::2]), train([TEXT] * 2, PHRASES[::2])
    assert np.array_equal(model.weights, again.weights)
    assert model.bias == again.bias
    assert areas(model, examples([TEXT], PHRASES[1::2], seed=9))["all"] > 0.95


def test_there_must_be_something_to_learn_from():
    with pytest.raises(ValueError, match="no text to learn from"):
        train(["", " "])


def test_the_model_that_comes_along_judges_prose_that_it_has_not_seen():
    model = LinearText.read(LIGHT_TEXT_QUALITY)
    good = scores(
        model,
        "We walked along the river until it began to rain. Nobody had brought a coat, so we "
        "waited under the bridge and watched the water rise.",
        "The engine was built in 1912 and ran for forty years. When the last miller died, his "
        "son sold the stones and kept the house, in which his family still lives today.",
    )
    bad = scores(
        model,
        "Home | Products | Support | My account\nSign up | Basket (0)\nFollow us",
        "best cheap phones, buy phones online, cheap phones best price, phones phones",
        "12/03/2021 | 4411 | 23.50 | Miller\n13/03/2021 | 4412 | 21.00 | Baker",
    )
    assert min(good) > 0.3 > 0.2 > max(bad)
    assert LIGHT_TEXT_QUALITY.stat().st_size < 300_000


def test_the_command_trains_on_files_and_says_how_well(tmp_path, capsys):
    files = [tmp_path / f"{number}.txt" for number in range(4)]
    for file in files:
        file.write_text(TEXT)
    main(["--read", *map(str, files), "--out", str(tmp_path / "m.npz")])
    said = capsys.readouterr().out
    assert "all          " in said
    assert "3 texts" in said
    assert scores(LinearText.read(tmp_path / "m.npz"), TEXT)[0] > 0.5
