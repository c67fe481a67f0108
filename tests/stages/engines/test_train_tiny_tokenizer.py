"""The tiny tokenizer: loses nothing, knows Qwen2.5-VL's special tokens, can be trained again."""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer
from transformers import AutoImageProcessor, AutoTokenizer

from stages.engines.train_tiny_tokenizer import FOLDER, SPECIAL_TOKENS, write
from tests.shared_data import SHARED, needs_shared

TINY = Tokenizer.from_file(str(FOLDER / "tokenizer.json"))
# Assigned characters only: Python's and the library's Unicode tables may differ in age.
TEXT = st.text(st.characters(exclude_categories=["Cs", "Cn"]))


@given(TEXT)
def test_any_text_comes_back_in_its_composed_form(text):
    ids = TINY.encode(text).ids
    assert TINY.decode(ids, skip_special_tokens=False) == unicodedata.normalize("NFC", text)


@pytest.mark.parametrize("token", SPECIAL_TOKENS)
def test_a_special_token_is_one_id_even_inside_a_word(token):
    id_ = TINY.token_to_id(token)
    assert TINY.encode(f"mill{token}stone").ids.count(id_) == 1
    assert TINY.encode(token).ids == [id_]


def test_special_tokens_follow_the_vocabulary_in_order():
    first = 4096 - len(SPECIAL_TOKENS)
    assert [TINY.token_to_id(t) for t in SPECIAL_TOKENS] == list(range(first, 4096))
    assert TINY.get_vocab_size() == 4096


def test_digits_stay_single():
    assert TINY.encode("1428").tokens == ["1", "4", "2", "8"]


def test_training_again_gives_the_same_files(tmp_path):
    again = write(tmp_path / "tokenizer")
    for file in FOLDER.iterdir():
        assert (again / file.name).read_bytes() == file.read_bytes(), file.name


def test_transformers_opens_the_folder_and_agrees():
    opened = AutoTokenizer.from_pretrained(FOLDER)
    text = 'The mill [{"bbox_2d": [10, 20, 300, 400]}] grüßt 小麦.<|im_end|>\n'
    assert opened(text).input_ids == TINY.encode(text).ids
    assert opened.eos_token == "<|im_end|>"


def test_the_chat_template_puts_pictures_between_vision_marks():
    opened = AutoTokenizer.from_pretrained(FOLDER)
    question = [{"type": "image"}, {"type": "text", "text": "What turns?"}]
    rendered = opened.apply_chat_template(
        [{"role": "user", "content": question}], tokenize=False, add_generation_prompt=True
    )
    assert rendered == (
        "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
        "<|im_start|>user\n<|vision_start|><|image_pad|><|vision_end|>What turns?<|im_end|>\n"
        "<|im_start|>assistant\n"
    )


def test_the_image_processor_has_qwens_pixel_bounds():
    processor = AutoImageProcessor.from_pretrained(FOLDER)
    assert processor.size["shortest_edge"] == 3136
    assert processor.size["longest_edge"] == 12845056
    assert (processor.patch_size, processor.merge_size, processor.temporal_patch_size) == (14, 2, 2)


@needs_shared
def test_special_tokens_are_the_real_ones_in_their_order():
    real = json.loads((SHARED / "data/tokenizer/qwen2_5/tokenizer_config.json").read_text())
    listed = real["added_tokens_decoder"]
    assert [listed[str(151643 + i)]["content"] for i in range(14)] == list(SPECIAL_TOKENS)
