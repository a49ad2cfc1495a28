import numpy as np
import pytest

from orderparam.measuring.sample_quality import SampleScorer, find_words

TEXT = "The cat sat on the mat. The cat's mat, the cat sat on. " * 20
CHARACTERS = sorted(set(TEXT + "xyzq"))


def encode(text):
    return np.array([CHARACTERS.index(character) for character in text])


def test_words_keep_apostrophes_inside():
    assert find_words("'Tis the cat's: O'er 2 mats!") == ["tis", "the", "cat's", "o'er", "mats"]


def test_share_of_known_words():
    scorer = SampleScorer(TEXT, encode(TEXT), len(CHARACTERS))
    sample = "ca the cat xyz on mat qqq th"
    # The first and the last word may be cut: of the six others four are known.
    assert scorer.score(sample, encode(sample))["words_in_corpus"] == pytest.approx(4 / 6)
    assert np.isnan(scorer.score("the cat", encode("the cat"))["words_in_corpus"])


def test_likely_text_has_the_lower_cross_entropy():
    scorer = SampleScorer(TEXT, encode(TEXT), len(CHARACTERS))
    rng = np.random.default_rng(0)
    shuffled = "".join(rng.permutation(list(TEXT[:300])))
    likely, unlikely = (scorer.score(text, encode(text))["cross_entropy"] for text in (TEXT[:300], shuffled))
    assert likely < 1 < unlikely
    # Where nothing was ever seen each character has the probability 1 / V.
    assert scorer.score("zzzzzz", encode("zzzzzz"))["cross_entropy"] == pytest.approx(np.log(len(CHARACTERS)))
