"""Text classifiers: the light one, and sequence classifiers beside transformers itself."""

import numpy as np
import pytest

from stages.engines.text_quality import TextClassifier
from stages.engines.train_text_quality import train
from stages.errors import MissingWeightsError, NotReadyError

PROSE = "The wheel turns slowly in the stream, and the stone grinds the corn all day long."
TEXTS = [
    PROSE,
    "mill " * 200,
    "",
    "The stone.",
    " \n",
    "Sacks of flour stand by the door; the carter comes in the morning.",
]


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    """A folder with a random BERT of two layers, three labels and 60 words."""
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("bert")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *sorted(set(" ".join(TEXTS).lower().split()))]
    tokenizer = Tokenizer(models.WordLevel(dict(zip(words, range(99), strict=False)), "[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]"
    ).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
        initializer_range=0.8,
        id2label={0: "fluent", 1: "advertisement", 2: "toxic"},
        label2id={"fluent": 0, "advertisement": 1, "toxic": 2},
    )
    BertForSequenceClassification(config).save_pretrained(folder)
    return folder


def by_transformers(folder, text, max_tokens=64):
    """Return the probabilities of one text alone, by a bare call."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    encoded = tokenizer(text, truncation=True, max_length=max_tokens, return_tensors="pt")
    encoded.pop("token_type_ids", None)
    with torch.no_grad():
        return model(**encoded).logits.softmax(-1)[0].numpy()


@pytest.mark.parametrize("batch_size", [1, 2, 50])
def test_batches_give_what_transformers_gives_one_by_one(bert, batch_size):
    found = TextClassifier(model=str(bert), label="advertisement", batch_size=batch_size).load()(
        TEXTS
    )
    wanted = [by_transformers(bert, text)[1] if text.strip() else np.nan for text in TEXTS]
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, wanted, rtol=1e-4)
    assert np.nanstd(found) > 1e-3, "the texts differ"


def test_the_last_label_is_taken_unless_one_is_named(bert):
    last = TextClassifier(model=str(bert)).load()(TEXTS[:1])
    assert last[0] == pytest.approx(by_transformers(bert, PROSE)[2], rel=1e-4)


def test_a_text_is_read_up_to_max_tokens(bert):
    found = TextClassifier(model=str(bert), max_tokens=5).load()([PROSE, "The wheel turns"])
    assert found[0] == pytest.approx(found[1], rel=1e-5)


def test_a_classifier_of_one_label_gives_its_sigmoid(bert, tmp_path):
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    torch.manual_seed(1)
    model = AutoModelForSequenceClassification.from_pretrained(
        bert, num_labels=1, ignore_mismatched_sizes=True
    )
    model.save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(bert).save_pretrained(tmp_path)
    encoded = AutoTokenizer.from_pretrained(bert)(PROSE, return_tensors="pt")
    encoded.pop("token_type_ids", None)
    with torch.no_grad():
        wanted = model.eval()(**encoded).logits.sigmoid().item()
    assert TextClassifier(model=str(tmp_path)).load()([PROSE])[0] == pytest.approx(wanted, rel=1e-4)


def test_a_label_that_is_not_there_is_named_with_those_that_are(bert):
    with pytest.raises(NotReadyError, match=r"no label 'rude'; it has \['fluent', 'advert"):
        TextClassifier(model=str(bert), label="rude").load()


def test_models_that_are_not_there_are_named_with_how_to_get_them(tmp_path):
    with pytest.raises(MissingWeightsError, match=r"no/such-model.*quern models fetch"):
        TextClassifier(model="no/such-model").check()
    with pytest.raises(NotReadyError, match=r"none\.npz.*train_text_quality --read"):
        TextClassifier(model=str(tmp_path / "none.npz")).check()


def test_what_is_wanted_of_the_hub_is_said(bert):
    assert [each.repo for each in TextClassifier(model="some/bert").downloads()] == ["some/bert"]
    assert TextClassifier().downloads() == TextClassifier(model=str(bert)).downloads() == ()


def test_a_linear_model_is_taken_from_its_file(tmp_path):
    train([PROSE] * 2).save(tmp_path / "m.npz")
    (own, empty) = TextClassifier(model=str(tmp_path / "m.npz")).load()([PROSE, ""])
    assert own > 0.5
    assert np.isnan(empty)


@pytest.mark.parametrize("option", ["batch_size", "max_tokens"])
def test_sizes_must_be_at_least_one(option):
    with pytest.raises(ValueError, match=f"{option} must be at least 1, got 0"):
        TextClassifier(**{option: 0})
