"""Signatures, bands and sketches against datasketch and plain Python sets."""

import re

import numpy as np
import pyarrow as pa
import pytest
from datasketch import MinHash
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.dedup.shingles import UNSPACED, shingle_hash, shingles
from stages.dedup.signatures import band_keys, signatures
from stages.dedup.sketches import jaccards, sketches

ALONE = re.compile("([" + "".join(f"{chr(a)}-{chr(b)}" for a, b in UNSPACED) + "])")
SPACES = "\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u200a\u2028\u2029\u202f\u205f\u3000"
WORDS = st.lists(
    st.one_of(
        st.text(max_size=4),
        st.sampled_from([*SPACES, "a", "B", "Σ", "ΑΣ", "İ", "ß", "ẞ", "Å", "漢字", "ไทย", "\x00"]),
    ),
    max_size=30,
)
TEXTS = st.builds(lambda pieces, space: space.join(pieces), WORDS, st.sampled_from(SPACES))


def words_of(text):
    return ALONE.sub(r" \1 ", text.lower()).split()


def shingles_of(text, ngram):
    words = words_of(text)
    runs = [words[i : i + ngram] for i in range(max(len(words) - ngram + 1, min(len(words), 1)))]
    return [" ".join(run).encode() for run in runs]


def minhash(text, *, num_perm, seed, ngram):
    reference = MinHash(num_perm=num_perm, seed=seed, scheme="affine32", hashfunc=shingle_hash)
    reference.update_batch(shingles_of(text, ngram))
    return reference.hashvalues


@settings(deadline=None)  # the first example may compile
@given(st.lists(TEXTS, min_size=1, max_size=4), st.integers(1, 6), st.sampled_from([1, 7, 128]))
def test_signatures_equal_datasketch_affine32_bit_for_bit(texts, ngram, num_perm):
    found = signatures(shingles(pa.array(texts), ngram=ngram), num_perm=num_perm, seed=3)
    expected = [minhash(text, num_perm=num_perm, seed=3, ngram=ngram) for text in texts]
    assert found.dtype == np.uint32
    assert found.tolist() == np.array(expected).tolist()


def test_every_character_is_lower_cased_and_split_as_python_does():
    codes = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
    blocks = ["a".join(map(chr, codes[i : i + 512])) for i in range(0, len(codes), 512)]
    found = shingles(pa.array(blocks), ngram=1)
    for i, block in enumerate(blocks):
        hashes = found.hashes[found.offsets[i] : found.offsets[i + 1]]
        assert hashes.tolist() == [shingle_hash(s) for s in shingles_of(block, 1)]


def test_a_capital_sigma_is_lower_cased_by_its_neighbours():
    texts = ["first", "ΟΔΟΣ ΣΟΦΟΣ", "between", "Σ"]
    found = shingles(pa.array(texts), ngram=1)
    words = ["first", "οδος", "σοφος", "between", "σ"]
    assert found.hashes.tolist() == [shingle_hash(word.encode()) for word in words]
    assert found.offsets.tolist() == [0, 1, 3, 4, 5]


def test_case_and_white_space_do_not_matter():
    found = shingles(pa.array(["One  TWO\u3000three", "\tone two\nthree "]), ngram=2)
    first, second = np.split(found.hashes, 2)
    assert first.tolist() == second.tolist()


def test_a_text_of_fewer_words_than_the_shingle_is_one_shingle():
    found = shingles(pa.array(["only three words"]), ngram=5)
    assert found.hashes.tolist() == [shingle_hash(b"only three words")]


def test_a_text_of_as_many_words_as_the_shingle_is_one_shingle_and_one_more_makes_two():
    found = shingles(pa.array(["a b c d e", "a b c d e f"]), ngram=5)
    assert np.diff(found.offsets).tolist() == [1, 2]


@pytest.mark.parametrize("empty", ["", " \n\u3000", None])
def test_a_text_without_words_has_no_shingles_and_the_empty_signature(empty):
    found = shingles(pa.array([empty, "word"], pa.string()))
    assert np.diff(found.offsets).tolist() == [0, 1]
    assert (signatures(found)[0] == 0xFFFFFFFF).all()


@settings(deadline=None)  # the first example may compile
@given(st.lists(st.one_of(st.none(), TEXTS), min_size=1, max_size=6), st.data())
def test_chunks_slices_and_offset_width_do_not_matter(texts, data):
    cut = data.draw(st.integers(0, len(texts)))
    whole = pa.array(texts, pa.string())
    padded = pa.array(["skipped", *texts, "also"], pa.large_string())[1:-1]
    expected = shingles(whole, ngram=3)
    for variant in (padded, pa.chunked_array([whole[:cut], whole[cut:]], pa.string())):
        found = shingles(variant, ngram=3)
        assert found.hashes.tolist() == expected.hashes.tolist()
        assert found.offsets.tolist() == expected.offsets.tolist()


def test_no_texts_give_no_signatures():
    assert signatures(shingles(pa.array([], pa.string()))).shape == (0, 128)
    assert signatures(shingles(pa.chunked_array([], pa.string()))).shape == (0, 128)


def test_band_keys_agree_where_all_rows_of_the_band_agree_and_differ_between_bands():
    values = np.array([[1, 2, 1, 2, 9], [1, 2, 1, 3, 9]], np.uint32)
    keys = band_keys(values, bands=2, rows=2)
    assert keys[0, 0] == keys[1, 0]
    assert len(set(keys.reshape(-1).tolist())) == 3


@settings(deadline=None)  # the first example may compile
@given(st.lists(TEXTS, min_size=2, max_size=2))
def test_jaccard_of_short_texts_equals_that_of_their_shingle_sets(texts):
    sketch = sketches(shingles(pa.array(texts), ngram=2), size=64)
    score = jaccards(sketch, np.array([0]), np.array([1]), size=64)
    a, b = ({shingle_hash(s) for s in shingles_of(text, 2)} for text in texts)
    assert score[0] == np.float32(len(a & b) / len(a | b) if a | b else 0.0)


@pytest.mark.parametrize("size", [8, 100, 399, 400, 401])
def test_jaccard_of_long_texts_equals_that_of_the_smallest_hashes_of_their_union(size):
    a = " ".join(f"w{i}" for i in range(400))
    b = " ".join(f"w{i}" for i in range(100, 500))
    sketch = sketches(shingles(pa.array([a, b]), ngram=1), size=size)
    score = jaccards(sketch, np.array([0]), np.array([1]), size=size)
    whole = [{shingle_hash(s) for s in shingles_of(text, 1)} for text in (a, b)]
    limit = size if size <= 400 else 1000
    union = sorted(whole[0] | whole[1])[:limit]
    common = sum(hash_ in whole[0] and hash_ in whole[1] for hash_ in union)
    assert score[0] == np.float32(common / len(union))
