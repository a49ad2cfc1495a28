"""How good sampled text is, by numbers: the share of real words, and its likelihood under an n-gram model."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np

from orderparam.text.ngrams import NgramCounts
from orderparam.text.vocabulary import Tokens

_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)*")
# Of the n-gram model: long enough for syllables, short enough to count in a tenth of a book.
ORDER = 3


def find_words(text: str) -> list[str]:
    """The words of a text in lower case: runs of letters, apostrophes inside of them included."""
    return [word.lower() for word in _WORD.findall(text)]


class SampleScorer:
    """Scores samples against the training text's words and the validation text's trigrams."""

    def __init__(self, train_text: str, val_tokens: Tokens, vocabulary_size: int) -> None:
        self._words = set(find_words(train_text))
        self._counts = NgramCounts.count(val_tokens, vocabulary_size, ORDER)

    def score(self, text: str, tokens: Iterable[int]) -> dict[str, float]:
        """Quantities of a sample by name.

        words_in_corpus: share of its words that the training text holds, without the first and the last,
        which may be cut; NaN for fewer than 3 words. cross_entropy: in nats per character under the
        smoothed trigram model of the validation text, which no model was trained on.
        """
        words = find_words(text)[1:-1]
        known = sum(word in self._words for word in words)
        surprise = -self._counts.log_probabilities(np.fromiter(tokens, dtype=np.int64), ORDER)
        return {
            "words_in_corpus": known / len(words) if words else float("nan"),
            "cross_entropy": float(surprise.mean()),
        }
