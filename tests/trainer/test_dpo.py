"""DPO: a pair in one pass equals two passes in loss and gradients; the reference is stored."""

import copy
import itertools
import math
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

import trainer.loop
from stages.errors import StorageError
from stages.files import read_table
from stages.media import write_pack
from tests.trainer.documents import small_config
from tests.trainer.shards import (
    CONTROL,
    assembly,
    medium,
    picture_file,
    row,
    stamp_of,
    write_shards,
)
from trainer.config import load_config
from trainer.counts import read_counts
from trainer.dpo import Preference, References, answer_scores, load_references
from trainer.evaluate import evaluate
from trainer.flops import load_of
from trainer.loop import train
from trainer.metrics import read_lines
from trainer.model import QwenVLModel
from trainer.model_config import SHAPES, read_config
from trainer.pairs import Pair, PairAssembly
from trainer.parallel import Ranks
from trainer.plan import Packing
from trainer.rows import rows_of
from trainer.weights import load_model

BETA = 0.3
ALONE = Ranks(rank=0, count=1, device=torch.device("cpu"))
ANSWERS = [
    ("A red mill.", "No."),
    ("Yes.", "It is a boat on a lake, I believe."),
    ("", "Something."),
]


def turns(name, shown, *answers):
    """Return a sample with earlier turns, and the roles and texts of its last answers."""
    sample = row(name, text="What is this?", media=shown, answer="Look.")
    parts = [{"type": "text", "text": "I do. And now?"}]
    more = [(role, [{"type": "text", "text": text}]) for role, text in answers]
    sample["messages"] += [
        {"role": role, "parts": parts} for role, parts in [("user", parts), *more]
    ]
    return sample


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    """Shards of pairs, and the two conversations of each pair as documents of their own."""
    root = tmp_path_factory.mktemp("pairs")
    samples, singles = [], []
    with write_pack(root / "media/0.pack") as pack:
        for number, (chosen, rejected) in enumerate(ANSWERS):
            size = {"width": 84 + 28 * number, "height": 56}
            data = picture_file(*size.values(), number)
            shown = [medium(pack, data, **size)] if number != 1 else []
            both = ("assistant", chosen), ("rejected", rejected)
            samples.append(turns(f"pair {number}", shown, *both))
            for text in (chosen, rejected):
                singles.append(turns(f"{number} {text}", shown, ("assistant", text)))
    (root / "single").mkdir()
    (root / "single/media").symlink_to(root / "media")
    return write_shards(root, samples), write_shards(root / "single", singles)


def rows_from(folder):
    tables = [read_table(file) for file in sorted(folder.glob("*.parquet"))]
    return [each for table in tables for each in rows_of(table, [0] * table.num_rows)]


def pair_assembly(folder, pack_tokens=256):
    return PairAssembly.of(CONTROL, pack_tokens=pack_tokens, stamp=stamp_of(folder))


@pytest.fixture(scope="module")
def model():
    config = small_config(vision_depth=2, full_blocks=(1,), init_std=0.1)
    model = QwenVLModel(replace(config, language=replace(config.language, vocabulary=4096)))
    model.init_weights(0)
    return model


@pytest.fixture(scope="module")
def packed(shards):
    pack, faults = pair_assembly(shards[0]).pack(rows_from(shards[0]))
    assert not faults
    return pack


def by_two_passes(model, folder):
    """Return float[N, 2], the answers' log-probabilities, each document by itself."""
    scores = []
    for each in rows_from(folder):
        last = each.label_spans[-1:]  # of the last answer alone
        pack, _ = assembly(stamp_of(folder)).pack([replace(each, label_spans=last)])
        shares = torch.log_softmax(model(pack.inputs) @ model.head_weight.T, dim=-1)
        at = torch.nonzero(pack.labels >= 0)[:, 0]
        scores.append(shares[at, pack.labels[at]].sum())
    return torch.stack(scores).view(-1, 2)


def test_scores_in_one_pass_equal_those_of_two(model, shards, packed):
    wanted = by_two_passes(model, shards[1])
    torch.testing.assert_close(answer_scores(model, packed), wanted, rtol=1e-5, atol=1e-4)


def references(packed):
    """Return made-up scores of the reference, another for each answer."""
    ids = np.array(packed.rows, dtype="S32")
    scores = -10 * np.random.default_rng(0).random((len(ids), 2), np.float32)
    order = np.argsort(ids)
    return References(ids=ids[order], scores=scores[order]), torch.from_numpy(scores)


def test_loss_and_gradients_in_one_pass_equal_those_of_two(model, shards, packed):
    found, scores = references(packed)
    ours, theirs = copy.deepcopy(model), copy.deepcopy(model)
    loss = Preference(references=found, beta=BETA, groups=2)(ours, packed)
    loss.total.backward()
    margins = (by_two_passes(theirs, shards[1]) - scores) @ torch.tensor([1.0, -1.0])
    wanted = torch.log1p(torch.exp(-BETA * margins)).sum()
    wanted.backward()
    assert loss.total.item() == pytest.approx(wanted.item(), rel=1e-5)
    for part in ("vision", "merger", "language"):
        mine, other = (
            torch.cat([each.grad.flatten() for each in getattr(each, part).parameters()])
            for each in (ours, theirs)
        )
        assert (mine - other).norm() <= 1e-5 * other.norm()


def test_pairs_are_counted_by_group(model, packed):
    found, _ = references(packed)
    groups = torch.tensor([1, 0, 1, -1], dtype=torch.int32)
    loss = Preference(references=found, beta=BETA, groups=2)(
        model, replace(packed, document_group=groups)
    )
    assert loss.labels.tolist() == [1, 2]
    assert loss.by_group.sum().item() == pytest.approx(loss.total.item(), rel=1e-6)


def test_a_model_that_is_its_own_reference_has_the_loss_of_a_coin(model, packed):
    scores = answer_scores(model, packed).detach().numpy()
    ids = np.array(packed.rows, dtype="S32")
    order = np.argsort(ids)
    found = References(ids=ids[order], scores=scores[order])
    loss = Preference(references=found, beta=BETA, groups=1)(model, packed)
    assert loss.total.item() == pytest.approx(3 * math.log(2), rel=1e-6)


def test_a_pack_without_pairs_trains_nothing_but_takes_part(model, shards, packed):
    empty, _ = pair_assembly(shards[0]).pack([])
    ours = copy.deepcopy(model)
    loss = Preference(references=references(packed)[0], beta=BETA, groups=1)(ours, empty)
    loss.total.backward()
    assert loss.labels.tolist() == [0]
    assert all(not each.grad.any() for each in ours.parameters())


def test_a_full_pack_has_no_padding(model, shards):
    rows = rows_from(shards[0])
    length = sum(len(each.input_ids) for each in rows)
    pack, _ = pair_assembly(shards[0], length).pack(rows)
    assert len(pack.inputs.cu_documents) == len(rows) + 1
    assert answer_scores(model, pack).shape == (3, 2)


def test_the_rejected_answer_takes_the_positions_of_the_chosen_one(packed):
    for start, end in itertools.pairwise(packed.inputs.cu_documents.tolist()[:4]):
        at = start + torch.nonzero(packed.labels[start:end] >= 0)[:, 0]
        first, second = at[0], at[int(at.diff().argmax()) + 1]
        positions = packed.inputs.positions
        assert torch.equal(positions[:, first], positions[:, second])


def test_the_load_of_pairs_counts_what_each_token_sees(shards, packed):
    seen = 0
    for each in rows_from(shards[0]):
        pair, count = Pair.of(each.input_ids, each.label_spans), len(each.input_ids)
        sees = np.tril(np.ones((count, count), np.bool_))
        sees[pair.second :, pair.first : pair.second] = False
        seen += int(sees.sum())
    assert load_of(packed).document_pairs == seen


def test_answers_are_found_behind_their_headers():
    #               0  1  2  3  4  5  6  7  8  9
    ids = np.array([1, 5, 1, 7, 8, 9, 1, 7, 6, 9])
    assert Pair.of(ids, np.array([[4, 6]])) == Pair(first=2, second=6, header=2)


@pytest.mark.parametrize("spans", [[[4, 10]], [[8, 10]], []])
def test_a_row_that_is_no_pair_is_left_out(shards, spans):
    pair = rows_from(shards[0])[0]
    single = replace(pair, label_spans=np.array(spans, np.int64).reshape(-1, 2))
    pack, faults = pair_assembly(shards[0]).pack([single])
    assert pack.rows == ()
    assert "no rejected answer" in faults[0].reason


def test_references_are_made_once_and_read_again(model, shards, packed, tmp_path):
    told = {
        "counts": read_counts(shards[0], stamp_of(shards[0])),
        "packing": Packing(pack_tokens=256, step_packs=4),
        "assembly": pair_assembly(shards[0]),
        "ranks": ALONE,
        "workers": 0,
    }
    found = load_references(tmp_path / "references.npz", model=model, **told)
    wanted = answer_scores(model, packed)
    torch.testing.assert_close(found.of(packed.rows), wanted, rtol=1e-5, atol=1e-4)
    changed = copy.deepcopy(model)
    changed.init_weights(1)
    again = load_references(tmp_path / "references.npz", model=changed, **told)
    assert np.array_equal(again.scores, found.scores)
    told["counts"] = replace(told["counts"], digest="another")
    with pytest.raises(StorageError, match="other shards"):
        load_references(tmp_path / "references.npz", model=model, **told)


SETTINGS = (
    *("steps=4", "pack_tokens=256", "step_packs=1", "log_every=1", "workers=0", "warmup_steps=0"),
    *("merger_rate=0.001", "language_rate=0.001", "checkpoint_every=0", "schedule=wsd"),
)


def lines_of(shards, out, *settings):
    """Return the log of a training on the pairs."""
    train(load_config("dpo", shape="tiny", settings=[*SETTINGS, *settings]), shards[0], out)
    return read_lines(out)


def test_training_begins_at_the_loss_of_a_coin_and_learns_the_pairs(shards, tmp_path):
    losses = [line["loss"] for line in lines_of(shards, tmp_path)]
    assert losses[0] == pytest.approx(math.log(2), rel=1e-5)
    assert losses[-1] < losses[0] - 0.1
    assert (tmp_path / "plans/references.npz").is_file()


def test_a_model_with_additions_learns_and_answers(shards, tmp_path, monkeypatch):
    monkeypatch.setattr(trainer.loop, "evaluate", partial(evaluate, max_new_tokens=2))
    settings = ("lora={layers: ['language.*', 'merger.*']}", "dpo_beta=1")
    asked = ("steps=2", "held_out_share=0.4", "evaluate_questions=9", "seed=1", "evaluate_packs=1")
    lines = lines_of(shards, tmp_path, *settings, *asked)
    assert lines[0]["loss"] == pytest.approx(math.log(2), rel=1e-5)
    assert {"qa/anls", "held_out_loss"} <= lines[-1].keys()
    assert load_model(tmp_path / "model").state_dict().keys() == plain_names()


def plain_names():
    return QwenVLModel(read_config(SHAPES / "tiny.json")).state_dict().keys()
