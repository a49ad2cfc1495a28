"""Counts, entropies and predictors of n-grams, against closed forms and a naive count."""

import math
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
import tiny_shakespeare
from hypothesis import given, settings
from hypothesis import strategies as st

from orderparam.errors import CorpusError
from orderparam.text.ngrams import NgramCounts, in_context_entropies, ngram_entropies, window_entropies


def naive_counts(tokens, order):
    """Counts of the n-grams and of their contexts, as tuples."""
    ngrams = Counter(tuple(tokens[i : i + order]) for i in range(len(tokens) - order + 1))
    contexts = Counter()
    for ngram, count in ngrams.items():
        contexts[ngram[:-1]] += count
    return ngrams, contexts


def naive_entropies(train, validation, vocabulary_size, order, smoothing=0.1):
    ngrams, contexts = naive_counts(train, order)
    total = sum(ngrams.values())
    entropy = -sum(c / total * math.log(c / contexts[g[:-1]]) for g, c in ngrams.items())
    surprisals = []
    for i in range(len(validation) - order + 1):
        ngram = tuple(validation[i : i + order])
        p = (ngrams[ngram] + smoothing) / (contexts[ngram[:-1]] + smoothing * vocabulary_size)
        surprisals.append(-math.log(p))
    return entropy, sum(surprisals) / len(surprisals)


def test_periodic_text_is_certain_from_the_second_order_on():
    tokens = np.tile(np.arange(4, dtype=np.uint8), 250)
    table = ngram_entropies(tokens, tokens[:100], vocabulary_size=4, max_order=4)
    assert list(table["order"]) == [1, 2, 3, 4]
    assert table["train_entropy"][0] == pytest.approx(math.log(4), rel=1e-12)
    assert list(table["train_entropy"][1:]) == [0.0, 0.0, 0.0]
    # Contexts 0, 1, 2 occur 250 times as bigrams, context 3 has no continuation after the last one: 249.
    surprisal = [-math.log((count + 0.1) / (count + 0.4)) for count in (250, 250, 250, 249)]
    expected = np.tile(surprisal, 25)[:99].mean()
    assert table["val_cross_entropy"][1] == pytest.approx(expected, rel=1e-12)


def test_unseen_context_predicts_uniformly():
    counts = NgramCounts.count(np.array([0, 1, 0, 1], np.uint8), vocabulary_size=5, max_order=3)
    unseen = np.array([3, 4, 2], np.uint8)
    assert counts.log_probabilities(unseen, 3) == pytest.approx([-math.log(5)])
    assert counts.predictive_log_probabilities(unseen, 3) == pytest.approx(np.full((2, 5), -math.log(5)))


@settings(max_examples=25, deadline=None)
@given(
    train=st.lists(st.integers(0, 3), min_size=4, max_size=60),
    validation=st.lists(st.integers(0, 4), min_size=4, max_size=30),
    chunk=st.integers(1, 20),
)
def test_agrees_with_a_naive_count_whatever_the_chunks(train, validation, chunk):
    table = ngram_entropies(
        np.array(train, np.uint8), np.array(validation, np.uint8), 5, max_order=4, chunk_tokens=chunk
    )
    for row in table.itertuples():
        entropy, cross_entropy = naive_entropies(train, validation, 5, row.order)
        assert row.train_entropy == pytest.approx(entropy, rel=1e-12, abs=1e-15)
        assert row.val_cross_entropy == pytest.approx(cross_entropy, rel=1e-12)


@settings(max_examples=25, deadline=None)
@given(tokens=st.lists(st.integers(0, 2), min_size=3, max_size=50), chunk=st.integers(1, 20))
def test_ngrams_are_unranked_in_lexicographic_order(tokens, chunk):
    counts = NgramCounts.count(np.array(tokens, np.uint8), 3, max_order=3, chunk_tokens=chunk)
    for order in (1, 2, 3):
        ngrams, numbers = counts.ngrams(order)
        expected = sorted(naive_counts(tokens, order)[0].items())
        assert [(tuple(g), c) for g, c in zip(ngrams.tolist(), numbers.tolist(), strict=True)] == expected


def test_codes_of_the_largest_vocabulary_do_not_overflow():
    generator = np.random.default_rng(1)
    # 65,535^6 is about 2^96: codes built as plain numbers in that base would wrap around.
    tokens = generator.choice([0, 1, 40_000, 65_533, 65_534], size=3_000).astype(np.uint16)
    table = ngram_entropies(tokens[:2_500], tokens[2_500:], 65_535, max_order=6, chunk_tokens=700)
    for row in table.itertuples():
        expected = naive_entropies(tokens[:2_500].tolist(), tokens[2_500:].tolist(), 65_535, row.order)
        assert (row.train_entropy, row.val_cross_entropy) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_predictive_distributions_are_normalised_and_hold_the_probabilities(order):
    generator = np.random.default_rng(2)
    train, text = generator.integers(6, size=500), generator.integers(6, size=40)
    counts = NgramCounts.count(train, 7, max_order=3)
    distributions = counts.predictive_log_probabilities(text, order)
    assert distributions.shape == (40 - order + 2, 7)
    assert np.exp(distributions).sum(axis=1) == pytest.approx(np.ones(40 - order + 2), rel=1e-12)
    own = np.take_along_axis(distributions[:-1], text[order - 1 :, None], axis=1)[:, 0]
    assert counts.log_probabilities(text, order) == pytest.approx(own, rel=1e-14)


def test_short_split_is_refused_by_name():
    tokens = np.zeros(50, np.uint8)
    with pytest.raises(CorpusError, match=r"novel\.txt: its validation split has 5 characters.*length 6"):
        ngram_entropies(tokens[:45], tokens[45:], 1, source="novel.txt")


@tiny_shakespeare.needed
def test_bigram_entropy_of_tiny_shakespeare():
    text = np.frombuffer(tiny_shakespeare.PATH.read_bytes(), np.uint8)
    characters, tokens = np.unique(text, return_inverse=True)
    split = int(0.9 * len(tokens))
    table = ngram_entropies(tokens[:split], tokens[split:], len(characters), max_order=2)
    assert table["train_entropy"][1] == pytest.approx(2.45, abs=0.005)


def test_levels_of_windows_are_entropies_over_all_of_them_and_counts_over_one():
    tokens = np.random.default_rng(5).integers(3, size=601).astype(np.uint8)
    table = ngram_entropies(tokens, tokens, 3, max_order=3)["train_entropy"]
    found = window_entropies(tokens, np.array([0]), 600, 3)
    # One window holds every bigram as a target; unigrams lack the first token, trigrams have one bigram more.
    assert found[1] == pytest.approx(table[1], rel=1e-9)
    assert found[0] == pytest.approx(table[0], abs=2e-3) and found[2] == pytest.approx(table[2], abs=5e-3)
    # a b a a b: after a come b, a, b, so that the window a b costs -ln 2/3 by bigrams, and nothing to go by
    # for a trigram.
    short = np.array([0, 1, 0, 0, 1], np.uint8)
    expected = [np.log(5 / 2), np.log(3 / 2), np.log(3 / 2)]
    np.testing.assert_allclose(window_entropies(short, np.array([0]), 1, 2), expected, rtol=1e-9)


def test_predictors_in_context_count_within_each_window_alone():
    # Of windows of four targets, the second from the text's token 5 on; V = 2.
    text = np.array([0, 1, 0, 0, 1, 1, 1, 0, 1, 1], np.uint8)
    found = in_context_entropies(text, np.array([0, 5]), 4, 2)
    unigrams = [2 / 5, 3 / 6, 4 / 7, 3 / 8, 3 / 5, 2 / 6, 4 / 7, 5 / 8]
    bigrams = [1 / 2, 1 / 2, 1 / 3, 2 / 4, 1 / 2, 1 / 3, 1 / 2, 2 / 4]
    expected = [np.log(2), -np.log(unigrams).mean(), -np.log(bigrams).mean()]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_no_other_predictor_is_as_good_as_bigrams_in_context_on_chains():
    """The mean over all chains, by numbers: the integral over the rows' Dirichlet distributions."""
    draws = np.random.default_rng(1).random((200_000, 2))
    for window in ([0, 1, 0, 0, 1], [0, 0, 0, 1, 1]):
        # P(1 | 0) and P(1 | 1) are uniform; a window's probability is the mean of its likelihood.
        likelihood = np.prod([np.abs(1 - to - draws[:, at]) for at, to in pairwise(window)], axis=0)
        found = in_context_entropies(np.array(window), np.array([0]), 4, 2)[2]
        assert 4 * found == pytest.approx(-np.log(likelihood.mean()), abs=0.01)
