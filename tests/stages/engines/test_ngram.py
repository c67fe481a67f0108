from pathlib import Path

import kenlm
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.engines.ngram import BEGIN, END, UNKNOWN, NgramModel, bits_of
from stages.engines.train_ngram import main, train
from stages.engines.training_texts import TINY_NGRAM, example_texts
from stages.errors import NotReadyError
from stages.record import document, table_of, text_part
from stages.tokens import Tokens, tokenize
from tests.stages.test_tokens import texts

PROSE = ["The mill stands by the stream.\nThe wheel turns.", "It grinds 25 sacks of corn a day."]


def tokens_of(*documents: str) -> Tokens:
    return tokenize(pa.array(documents), row=np.arange(len(documents)), rows=len(documents))


def log10_of(model: NgramModel, text: str) -> list[float]:
    tokens = tokens_of(text)
    return model.score(tokens.data, tokens.lines)[0].tolist()


def normal(line: str) -> str:
    """Return a line as models read it, by plain Python."""
    spaced = " ".join(line.replace("\u200b", " ").split())
    digits = ("0" if each.isnumeric() and not each.isalpha() else each for each in spaced)
    return "".join(each.lower() if len(each.lower()) == 1 else each for each in digits)


# --- beside KenLM, which reads the same model from an ARPA file ---


def words_of(model: NgramModel, text: str) -> str:
    known = set(map(chr, model.characters))
    return " ".join(f"u{ord(each)}" if each in known else "<unk>" for each in normal(text))


def arpa(model: NgramModel, path: Path) -> Path:
    bits = bits_of(model.order)
    names = {BEGIN: "<s>", END: "</s>", UNKNOWN: "<unk>"}
    names |= {i + 4: f"u{code}" for i, code in enumerate(model.characters.tolist())}
    by_order: list[list[str]] = [[] for _ in range(model.order)]
    for key, log10, backoff in zip(
        *(each.tolist() for each in (model.keys, model.log10, model.backoff)), strict=True
    ):
        numbers = []
        while key:
            numbers.insert(0, names[key & ((1 << bits) - 1)])
            key >>= bits
        end = f"\t{backoff:.8f}" if len(numbers) < model.order else ""
        by_order[len(numbers) - 1].append(f"{log10:.8f}\t{' '.join(numbers)}{end}")
    counts = [f"ngram {n}={len(lines)}" for n, lines in enumerate(by_order, 1)]
    sections = [f"\\{n}-grams:\n" + "\n".join(lines) for n, lines in enumerate(by_order, 1)]
    path.write_text(
        "\\data\\\n" + "\n".join(counts) + "\n\n" + "\n\n".join(sections) + "\n\n\\end\\\n"
    )
    return path


@pytest.fixture(scope="module", params=[(3, 1), (5, 2), (6, 3)], ids=lambda each: f"order{each[0]}")
def pair(request, tmp_path_factory) -> tuple[NgramModel, kenlm.Model]:
    order, min_count = request.param
    model = train(list(example_texts()), order=order, min_count=min_count)
    path = arpa(model, tmp_path_factory.mktemp("arpa") / "model.arpa")
    return model, kenlm.Model(str(path))


@settings(max_examples=60, deadline=None)
@given(text=texts | st.lists(st.sampled_from("the mill, of 1 é\n."), max_size=40).map("".join))
def test_lines_are_as_likely_as_kenlm_finds_them(pair, text):
    model, judge = pair
    tokens = tokens_of(text)
    lines = [tokens.data[x["start"] : x["end"]].tobytes().decode() for x in tokens.lines]
    log10, count = model.score(tokens.data, tokens.lines)
    words = [words_of(model, line) for line in lines]
    np.testing.assert_allclose(log10, [judge.score(line) for line in words], atol=1e-4, rtol=1e-6)
    assert count.tolist() == [len(line.split()) + 1 for line in words]


# --- the probabilities themselves ---


@pytest.mark.parametrize("min_count", [1, 2])
@pytest.mark.parametrize("context", ["", "t", "the ", "the wheel t", "zzz"])
def test_the_probabilities_of_all_characters_behind_a_context_add_up_to_one(context, min_count):
    model = train(PROSE, order=4, min_count=min_count)
    behind = [[key & 0xFFFF for key in model.keys.tolist() if key <= 0xFFFF]]
    characters = [*map(chr, model.characters), "\u2603"]  # the snowman is unknown
    # P(context, c, END) summed over c and what may follow; so by differences of prefixes
    total = sum(10 ** step(model, context, each) for each in characters) + 10 ** step(
        model, context
    )
    assert total == pytest.approx(1, abs=1e-5)
    assert len(behind[0]) == len(characters) + 2  # BEGIN and END


def step(model: NgramModel, context: str, character: str = "") -> float:
    """Return log10 of a character, or of the end, behind a context at a line's beginning."""
    bits = bits_of(model.order)
    numbers = {chr(code): i + 4 for i, code in enumerate(model.characters.tolist())}
    sequence = [BEGIN, *(numbers.get(each, UNKNOWN) for each in context)]
    last = numbers.get(character, UNKNOWN) if character else END
    entries = dict(
        zip(
            model.keys.tolist(),
            zip(model.log10.tolist(), model.backoff.tolist(), strict=True),
            strict=True,
        )
    )

    def key(numbers: list[int]) -> int:
        return sum(number << (bits * at) for at, number in enumerate(reversed(numbers)))

    history = sequence[-(model.order - 1) :]
    weight = 0.0
    while key([*history, last]) not in entries:
        weight += entries.get(key(history), (0, 0))[1]
        history = history[1:]
    return weight + entries[key([*history, last])][0]


def test_kneser_ney_counts_what_stands_before_not_how_often():
    # "q" comes often, always behind "z"; "e" comes half as often, behind eight letters
    model = train(["zq zq zq zq zq zq zq zq", "ae be ce de", "fe ge he ie"], order=2, min_count=1)
    of = dict(zip(model.keys.tolist(), model.log10.tolist(), strict=True))
    number = {chr(code): i + 4 for i, code in enumerate(model.characters.tolist())}
    assert of[number["e"]] > of[number["q"]]


def test_capitals_digits_and_white_space_make_no_difference():
    model = train(PROSE)
    assert log10_of(model, "THE MILL  has\u00a025 sacks") == log10_of(
        model, "the mill has 99 sacks"
    )


def test_each_line_is_scored_by_itself():
    model = train(PROSE)
    together = log10_of(model, "the mill\n\n the wheel ")
    assert together == [*log10_of(model, "the mill"), *log10_of(model, "the wheel")]


def test_more_characters_than_a_key_has_room_for_become_unknown():
    model = train(["".join(map(chr, range(0x4E00, 0x5E00)))], order=6)
    assert len(model.characters) == 1020
    assert log10_of(model, chr(0x5DFF)) == log10_of(model, "x")


# --- files and the command ---


def test_a_model_is_the_same_after_writing_and_reading(tmp_path):
    model = train(PROSE)
    model.save(tmp_path / "model.npz")
    again = NgramModel.read(tmp_path / "model.npz")
    for name in ("characters", "keys", "log10", "backoff"):
        np.testing.assert_array_equal(getattr(again, name), getattr(model, name))
    assert log10_of(again, "the mill") == log10_of(model, "the mill")


def test_the_command_trains_on_text_files_and_rows_of_runs(tmp_path, capsys):
    (tmp_path / "a.txt").write_text(PROSE[0])
    rows = table_of([{"messages": document([text_part(PROSE[1])])}])
    pa.parquet.write_table(rows, tmp_path / "b.parquet")
    for name in ("first", "second"):
        main(["--read", *map(str, sorted(tmp_path.glob("[ab].*"))), "--out", str(tmp_path / name)])
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()
    assert "n-grams of" in capsys.readouterr().out
    expected = train(PROSE)
    np.testing.assert_array_equal(NgramModel.read(tmp_path / "first").keys, expected.keys)


def test_the_bundled_model_is_what_the_command_makes():
    bundled, made = NgramModel.read(TINY_NGRAM), train(list(example_texts()))
    np.testing.assert_array_equal(bundled.keys, made.keys)
    np.testing.assert_allclose(bundled.log10, made.log10, atol=1e-5)
    assert TINY_NGRAM.stat().st_size < 300_000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"texts": PROSE, "order": 1}, "order is 1, it must be 2 to 8"),
        ({"texts": PROSE, "order": 9}, "order is 9, it must be 2 to 8"),
        ({"texts": ["", " \n"]}, "there is no text to learn from"),
    ],
)
def test_what_cannot_be_trained_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        train(arguments.pop("texts"), **arguments)


@pytest.mark.parametrize("content", [None, b"not a model", b""])
def test_a_file_that_is_no_model_is_refused_with_the_command(tmp_path, content):
    path = tmp_path / "model.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(
        NotReadyError, match=r"cannot read .*python -m stages\.engines\.train_ngram"
    ):
        NgramModel.read(path)
