"""The 4-gram table and the text sampled from it."""

import hashlib
import lzma
import random
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
import tiny_shakespeare
from hypothesis import given, settings
from hypothesis import strategies as st

from orderparam.errors import CorpusError, RecordError
from orderparam.text.ngrams import NgramCounts
from orderparam.text.surrogate import TINY_SHAKESPEARE, NgramTable, sample_chains, sample_text


@pytest.fixture(scope="module")
def table():
    return NgramTable.read(TINY_SHAKESPEARE)


def table_of(text):
    alphabet = "".join(sorted(set(text)))
    return NgramTable.from_tokens(np.array([alphabet.index(c) for c in text]), alphabet, "text", "0" * 64)


def conditional_entropy(text, order):
    tokens = np.frombuffer(text.encode("ascii"), np.uint8)
    return NgramCounts.count(tokens, 128, order).conditional_entropy(order)


@settings(max_examples=30, deadline=None)
@given(st.text("abcd", min_size=1, max_size=40))
def test_counts_are_circular_and_so_are_their_marginals(text):
    table = table_of(text)
    for length in range(5):
        circle = text * 5
        expected = Counter(circle[i : i + length] for i in range(len(text)))
        ngrams, counts = table.marginal(length)
        words = ["".join(table.alphabet[place] for place in ngram) for ngram in ngrams.tolist()]
        assert words == sorted(expected)
        assert dict(zip(words, counts.tolist(), strict=True)) == expected


@settings(max_examples=20, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60))
def test_written_table_reads_back(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("table") / "table.xz"
    table = table_of(text)
    table.write(path)
    again = NgramTable.read(path)
    assert (again.corpus, again.alphabet, again.sha256) == (table.corpus, table.alphabet, table.sha256)
    assert np.array_equal(again.ngrams, table.ngrams)
    assert np.array_equal(again.counts, table.counts)


def test_codes_of_the_largest_alphabet_read_back(tmp_path):
    alphabet = "".join(chr(code) for code in range(1, 0xD800)) + "".join(map(chr, range(0xE000, 0x12800)))
    tokens = np.array([65_534, 65_534, 65_534, 65_534, 0, 1, 65_534])
    table = NgramTable.from_tokens(tokens, alphabet[:65_535], "wide", "0" * 64)
    table.write(tmp_path / "table.xz")
    assert np.array_equal(NgramTable.read(tmp_path / "table.xz").ngrams, table.ngrams)


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-8],
        lambda content: content[:40] + bytes([content[40] ^ 1]) + content[41:],
        lambda content: b"not xz",
        lambda content: lzma.compress(lzma.decompress(content)[:-1]),
    ],
    ids=["cut", "flipped", "other text", "short body"],
)
def test_damaged_table_is_refused_by_name(tmp_path, damage):
    path = tmp_path / "table.xz"
    table_of("a rose is a rose").write(path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(RecordError, match=r"table\.xz"):
        NgramTable.read(path)
    with pytest.raises(RecordError, match="no such file"):
        NgramTable.read(tmp_path / "absent.xz")


def test_sampling_follows_the_definition():
    """A second writing of the chain, over plain strings and lists of repeated characters."""
    text = "the cat sat on the mat and the hat"
    circle = text + text[:3]
    for order in (1, 2, 3):
        draw = random.Random(5).random
        starts = sorted(circle[i : i + order] for i in range(len(text)))
        sampled = starts[int(draw() * len(starts))]
        while len(sampled) < 200:
            state = sampled[-order:]
            next_characters = sorted(
                circle[i + order] for i in range(len(text)) if circle[i : i + order] == state
            )
            sampled += next_characters[int(draw() * len(next_characters))]
        assert sample_text(table_of(text), order, 5, 200) == sampled


def test_text_is_as_long_as_asked():
    table = table_of("abracadabra")
    assert [len(sample_text(table, 3, 0, n)) for n in (0, 1, 2, 3, 50)] == [0, 1, 2, 3, 50]


@pytest.mark.parametrize("order", [1, 2, 3])
def test_surrogate_has_its_own_statistics_and_none_beyond(order):
    # With few distinct n-grams the estimates' bias, (n-grams - contexts) / 2N by Miller, is below 0.003.
    words = random.Random(1).choices(["abcd", "acdb", "bdca", "abdabd"], k=20_000)
    source = "".join(words)
    text = sample_text(table_of(source), order, 2, 200_000)
    kept = conditional_entropy(source, order + 1)
    assert conditional_entropy(text, order + 1) == pytest.approx(kept, abs=0.006)
    # One more character of context tells much about the source and nothing about the surrogate.
    assert conditional_entropy(source, order + 2) < kept - 0.03
    assert conditional_entropy(text, order + 2) == pytest.approx(kept, abs=0.009)


def test_shipped_table_is_of_tiny_shakespeare(table):
    assert (table.corpus, table.sha256) == ("tiny_shakespeare", tiny_shakespeare.SHA256)
    assert len(table.alphabet) == 65
    assert table.counts.sum() == 1_115_394
    assert TINY_SHAKESPEARE.stat().st_size < 80_000


def test_stand_in_is_pinned(table):
    text = sample_text(table, 3, 1337, 1_115_394)
    digest = hashlib.sha256(text.encode("utf-8")).hexdigest()
    assert digest == "92477c0c5a2ce9ebd76ed80302e88836090ab1a4053ddc2473ceda0c5972a426"


@tiny_shakespeare.needed
def test_shipped_table_is_rebuilt_from_the_real_corpus(tmp_path):
    for name in ("first.xz", "second.xz"):
        NgramTable.from_text(tiny_shakespeare.PATH).write(tmp_path / name)
    assert (tmp_path / "first.xz").read_bytes() == (tmp_path / "second.xz").read_bytes()
    # Versions of liblzma may compress differently, so what is compared with the shipped file is the content.
    assert lzma.decompress((tmp_path / "first.xz").read_bytes()) == lzma.decompress(
        TINY_SHAKESPEARE.read_bytes()
    )


@pytest.mark.parametrize(("content", "message"), [(b"", "empty"), (b"ab\xff", "invalid UTF-8 .*at byte 2")])
def test_build_refuses_what_is_no_text(tmp_path, content, message):
    source = tmp_path / "novel.txt"
    source.write_bytes(content)
    with pytest.raises(CorpusError, match=rf"novel\.txt: .*{message}"):
        NgramTable.from_text(source)


def test_each_stretch_has_the_transition_frequencies_of_its_chain():
    """The second chain is drawn after the first one's letters, by a second writing of the draws."""
    draw = random.Random(4).random
    text = sample_chains(3, 20_000, 4, 30_000)
    assert len(text) == 30_000 and text == sample_chains(3, 20_000, 4, 30_000) != sample_chains(
        3, 20_000, 5, 30_000
    )
    for stretch in (text[:20_000], text[20_000:]):
        cuts = [sorted((draw(), draw())) for _ in range(3)]
        expected = [[low, high - low, 1 - high] for low, high in cuts]
        for _ in stretch:
            draw()
        pairs = Counter(pairwise(stretch))
        for i, row in enumerate(expected):
            counts = np.array([pairs["abc"[i], each] for each in "abc"])
            np.testing.assert_allclose(counts / counts.sum(), row, atol=0.03)


def test_rows_of_chains_are_uniform_on_the_simplex():
    # Given that distribution, P(letter | letter before) has the mean 1/3 and the variance 1/18.
    text = sample_chains(3, 3_000, 1, 900_000)
    shares = []
    for start in range(0, len(text), 3_000):
        pairs = Counter(pairwise(text[start : start + 3_000]))
        for before in "abc":
            total = sum(pairs[before, after] for after in "abc")
            shares += [pairs[before, after] / total for after in "abc" if total > 300]
    assert np.mean(shares) == pytest.approx(1 / 3, abs=0.01)
    assert np.var(shares) == pytest.approx(1 / 18, abs=0.005)
