"""Loading a tokenizer from each place, and text that tries to be a control token."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.chat import CONTROL
from stages.errors import MissingWeightsError
from stages.tokenizer import TINY_FOLDER, WORDS, load_tokenizer
from tests.shared_data import SHARED, needs_shared

QWEN = SHARED / "data/tokenizer/qwen2_5"


@pytest.mark.parametrize("token", CONTROL)
def test_a_control_token_in_text_stays_text(token):
    tokenizer = load_tokenizer("tiny")
    (ids,) = tokenizer.encode([f"before {token} after"])
    assert tokenizer.control[token] not in ids
    assert tokenizer.model.decode(ids, skip_special_tokens=False) == f"before {token} after"


@given(st.lists(st.sampled_from([*CONTROL, " ", "a", "<|", "|>"]), max_size=6))
def test_no_text_makes_a_control_token(pieces):
    tokenizer = load_tokenizer("tiny")
    (ids,) = tokenizer.encode(["".join(pieces)])
    assert not set(ids) & set(tokenizer.control.values())


@given(st.text(st.characters(codec="utf-8"), max_size=40))
def test_ids_spell_the_text_again_after_normalisation(text):
    tokenizer = load_tokenizer("tiny")
    (ids,) = tokenizer.encode([text])
    normal = tokenizer.model.normalizer.normalize_str(text)
    assert tokenizer.model.decode(ids, skip_special_tokens=False) == normal


def test_texts_are_encoded_in_order():
    tokenizer = load_tokenizer("tiny")
    texts = ["one", "", "two words"]
    assert tokenizer.encode(texts) == [tokenizer.encode([text])[0] for text in texts]
    assert tokenizer.encode([""]) == [[]]


def test_is_loaded_once():
    assert load_tokenizer("tiny") is load_tokenizer("tiny")


def test_composed_and_decomposed_letters_are_the_same():
    composed, decomposed = load_tokenizer("tiny").encode(["caf\u00e9", "cafe\u0301"])
    assert composed == decomposed


def save_parts(folder, added):
    """Write a byte-level vocabulary of 256 letters as vocab.json and merges.txt."""
    from tokenizers.pre_tokenizers import ByteLevel

    vocab = {letter: id_ for id_, letter in enumerate(sorted(ByteLevel.alphabet()))}
    folder.mkdir(exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps(vocab))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    decoder = {str(256 + k): {"content": t, "special": s} for k, (t, s) in enumerate(added)}
    config = json.dumps({"added_tokens_decoder": decoder})
    (folder / "tokenizer_config.json").write_text(config)
    return folder


SPECIAL = [(token, True) for token in CONTROL]


def test_reads_vocabulary_and_merges_where_there_is_no_tokenizer_json(tmp_path):
    tokenizer = load_tokenizer(str(save_parts(tmp_path / "a", [*SPECIAL, ("<tool_call>", False)])))
    (ids,) = tokenizer.encode(["a1<tool_call>"])
    assert len(ids) == 3
    assert tokenizer.control[CONTROL[0]] == 256


def test_the_fingerprint_is_that_of_the_tokens_a_shard_can_hold(tmp_path):
    prints = [
        load_tokenizer(str(save_parts(tmp_path / str(index), added))).fingerprint
        for index, added in enumerate(
            [SPECIAL, [*SPECIAL, ("<|spare|>", True)], [*SPECIAL, ("<tool_call>", False)]]
        )
    ]
    assert prints[0] == prints[1]
    assert prints[0] != prints[2]


def test_a_tokenizer_without_vision_tokens_is_refused(tmp_path):
    folder = save_parts(tmp_path / "a", SPECIAL[:3])
    with pytest.raises(MissingWeightsError, match=r"has no token <\|vision_start\|>"):
        load_tokenizer(str(folder))


def test_files_of_two_tokenizers_are_refused(tmp_path):
    folder = save_parts(tmp_path / "a", SPECIAL)
    vocab = json.loads((folder / "vocab.json").read_text())
    (folder / "vocab.json").write_text(json.dumps(vocab | {"zz": 256}))
    with pytest.raises(MissingWeightsError, match="not of one tokenizer"):
        load_tokenizer(str(folder))


def test_an_empty_folder_names_the_missing_file(tmp_path):
    with pytest.raises(MissingWeightsError, match=r"neither tokenizer.json nor vocab.json"):
        load_tokenizer(str(tmp_path))


def test_a_hub_name_without_files_says_how_to_fetch_them(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(MissingWeightsError, match="hf download quern-test/absent"):
        load_tokenizer("quern-test/absent")


def test_a_hub_name_is_read_from_the_cache(tmp_path, monkeypatch):
    repository = tmp_path / "models--quern-test--present"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs/main").write_text("abc")
    (repository / "snapshots").mkdir()
    (repository / "snapshots/abc").symlink_to(TINY_FOLDER)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.file_download.constants.HF_HUB_CACHE", str(tmp_path))
    tokenizer = load_tokenizer("quern-test/present")
    assert tokenizer.fingerprint == load_tokenizer("tiny").fingerprint


def test_a_path_that_is_not_there_is_neither_folder_nor_hub_name():
    with pytest.raises(MissingWeightsError, match="neither a folder nor a hub name"):
        load_tokenizer("no/such/folder")


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"min_pixels": 784, "max_pixels": 7840}, (784, 7840)),
        ({"size": {"shortest_edge": 1568, "longest_edge": 15680}}, (1568, 15680)),
        ({}, (3136, 12845056)),
    ],
)
def test_pixel_bounds_come_from_the_preprocessor(tmp_path, config, expected):
    folder = save_parts(tmp_path / "a", SPECIAL)
    (folder / "preprocessor_config.json").write_text(json.dumps(config))
    tokenizer = load_tokenizer(str(folder))
    assert (tokenizer.min_pixels, tokenizer.max_pixels) == expected


@needs_shared
def test_the_ids_of_the_released_tokenizer_are_the_published_ones():
    tokenizer = load_tokenizer(str(QWEN))
    assert tokenizer.control == {
        "<|endoftext|>": 151643,
        "<|im_start|>": 151644,
        "<|im_end|>": 151645,
        "<|vision_start|>": 151652,
        "<|vision_end|>": 151653,
        "<|image_pad|>": 151655,
        "<|video_pad|>": 151656,
    }
    assert tokenizer.encode(["assistant", "<tool_call>"]) == [[77091], [151657]]


def test_words_are_cut_as_by_the_tiny_tokenizer():
    content = json.loads((TINY_FOLDER / "tokenizer.json").read_text())
    splits = content["pre_tokenizer"]["pretokenizers"]
    assert splits[0]["pattern"]["Regex"] == WORDS
