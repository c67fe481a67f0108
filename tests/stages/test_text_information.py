import numpy as np
import pytest

from stages.text_information import new_share, tokens_of
from stages.tokenizer import load_tokenizer
from tests.shared_data import SHARED, needs_shared

TEXTS = (
    "The wheel of a water mill turns slowly, and the stones inside grind the grain to flour.",
    "Das Rad der Wassermühle dreht sich langsam, und die Steine mahlen das Korn zu Mehl.",
    "水磨的轮子慢慢转动，里面的石头把谷物磨成面粉。风从山上吹下来，河水流得很快。",
)


@needs_shared
@pytest.mark.parametrize("text", TEXTS)
def test_tokens_are_told_from_bytes_to_a_third(text):
    tokenizer = load_tokenizer(str(SHARED / "data" / "tokenizer" / "qwen2_5"))
    (guess,) = tokens_of([len(text.encode())])
    (ids,) = tokenizer.encode([text])
    assert 0.67 < guess / len(ids) < 1.5
    assert guess.dtype == np.float32


def test_prose_is_new_and_repetition_is_not():
    assert [new_share(text.encode()) for text in TEXTS] == [1.0, 1.0, 1.0]
    once = TEXTS[0].encode()
    shares = [new_share(once * times) for times in (1, 10, 100)]
    assert shares[0] > shares[1] > shares[2] > 0
    assert new_share(b"") == 0.0
