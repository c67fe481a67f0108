import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.errors import NotReadyError
from stages.tokens import core_hashes
from stages.word_lists import in_language, read_entries, word_share
from tests.text_batches import batch_of

pieces = ["the", "The,", "“THE”", "mill", "mill-stone", "don't", "7", "...", " ", "\n", "\n\n"]


def test_a_list_is_one_entry_a_line_in_lower_case_without_blank_lines(tmp_path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("\ufeffMühle\r\n\n  two words \n", encoding="utf-8")
    assert read_entries(str(path)) == ("mühle", "two words")


@pytest.mark.parametrize(
    ("content", "message"), [(b" \n", "is empty"), (b"\xff", "cannot read the list .*one entry a")]
)
def test_a_list_without_entries_or_in_another_encoding_is_refused(
    tmp_path, content, message
) -> None:
    path = tmp_path / "list.txt"
    path.write_bytes(content)
    with pytest.raises(NotReadyError, match=message):
        read_entries(str(path))


def test_a_list_that_is_not_there_is_named(tmp_path) -> None:
    with pytest.raises(NotReadyError, match=r"nowhere\.txt"):
        read_entries(str(tmp_path / "nowhere.txt"))


def test_only_the_tag_of_another_language_excludes_a_row() -> None:
    batch = batch_of(["a", "b"], "c", "d", tags=[["lang:de"], ["news", "lang:en"], []])
    assert in_language(batch, "en", "sample").tolist() == [False, True, True]
    assert in_language(batch, "en", "text").tolist() == [False, False, True, True]


def reference(text: str, words: tuple[str, ...]) -> float:
    found = [each.strip("“”,.'\"-").lower() in words for each in text.split()]
    return sum(found) / len(found) if found else np.nan


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.lists(st.sampled_from(pieces), max_size=20).map("".join), max_size=4),
    st.sets(st.sampled_from(["the", "mill", "don't", "7", "absent"])).map(tuple),
)
def test_the_share_is_that_of_the_plain_reading(texts: list[str], words: tuple[str, ...]) -> None:
    shares = word_share(batch_of(*texts).tokens(), core_hashes(words), "sample")
    expected = np.array([reference(text, words) for text in texts], np.float32)
    np.testing.assert_equal(shares, expected)
