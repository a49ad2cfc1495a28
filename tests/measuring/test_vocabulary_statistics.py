"""Counts of words in blocks: exact for texts that are written out, Poisson for words that fall at random."""

import numpy as np
import pytest
import torch
from runs import build_model

from orderparam.measuring.vocabulary_statistics import measure_words, sample_blocks
from orderparam.text.vocabulary import Vocabulary

KNOWN = {"to", "be", "or"}


def test_words_of_blocks_are_counted_without_those_that_may_be_cut():
    # Inner words: "be or", then "To to xx".
    found = measure_words(["o be or tob", "x To to xx no"], KNOWN)
    assert found == pytest.approx(
        {
            "correct_words": 2.0,
            "incorrect_words": 0.5,
            "distinct_words": 2.0,
            "correct_share": 4 / 5,
            "word_length": 2.0,
            "dispersion": 0.0,
        }
    )
    nothing = measure_words(["", "..."], KNOWN)
    assert nothing["correct_words"] == 0 and np.isnan([nothing["dispersion"], nothing["word_length"]]).all()


def test_dispersion_is_one_for_poisson_less_for_even_and_more_for_clustered_words():
    rng = np.random.default_rng(0)

    def blocks(counts):
        return [" ".join(["x", *["to"] * int(count), "x"]) for count in counts]

    for counts, expected in (
        (rng.poisson(30, 4000), 1.0),
        (rng.binomial(60, 0.5, 4000), 0.5),
        (rng.poisson(rng.gamma(30, 1, 4000)), 2.0),
    ):
        assert measure_words(blocks(counts), KNOWN)["dispersion"] == pytest.approx(expected, rel=0.1)


def test_blocks_are_drawn_from_the_model():
    vocabulary = Vocabulary("abc")
    model = build_model(0, len(vocabulary))
    # A head that all but forbids two of three characters.
    with torch.no_grad():
        model.head.weight.zero_()
        model.head.bias.copy_(torch.tensor([-20.0, 0.0, -20.0]))
    texts = sample_blocks(model, vocabulary, 5, 40, seed=1)
    assert texts == ["b" * 40] * 5
    with torch.no_grad():
        model.head.bias.zero_()
    texts = sample_blocks(model, vocabulary, 5, 400, seed=1)
    assert len(set(texts)) == 5 and sample_blocks(model, vocabulary, 5, 400, seed=1) == texts
    assert "".join(texts).count("a") / 2000 == pytest.approx(1 / 3, abs=0.05)
