"""Counts of n-grams, n = 1, 2, ..., the entropies and the predictors that follow from them.

The order n of an n-gram is its length: an order-n predictor looks back at n - 1 characters.
Logarithms are natural; entropies are in nats per character.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from orderparam.errors import CorpusError
from orderparam.tables import NGRAM_ENTROPIES

Tokens = NDArray[np.integer]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class _Level:
    """The distinct n-grams of one order n, and how often each occurs.

    `codes` (int64, ascending) are rank * vocabulary_size + last token, where rank is the place of the
    first n - 1 tokens among the distinct (n-1)-grams. Ranks never exceed the number of tokens counted,
    so that codes fit 64 bits for any vocabulary. Ascending codes are n-grams in lexicographic order.
    """

    codes: Ints
    counts: Ints
    context_counts: Ints  # by rank of the context: the sum of the counts of its continuations


class NgramCounts:
    """Counts of all n-grams of orders 1 to `max_order` in one sequence of tokens."""

    def __init__(self, vocabulary_size: int, levels: list[_Level]) -> None:
        self.vocabulary_size = vocabulary_size
        self._levels = levels

    @classmethod
    def count(
        cls, tokens: Tokens, vocabulary_size: int, max_order: int, chunk_tokens: int = 1 << 20
    ) -> NgramCounts:
        """Count the n-grams of `tokens`, a 1-D integer array of values below `vocabulary_size`.

        Memory grows with `chunk_tokens` and with the number of distinct n-grams, not with the length of
        `tokens`, which may be memory-mapped. The sequence is linear: it holds len(tokens) - n + 1 n-grams.
        Raises ValueError if it is shorter than `max_order`.
        """
        if not 1 <= max_order <= len(tokens):
            raise ValueError(f"cannot count n-grams of length {max_order} in {len(tokens)} tokens")
        counted = cls(vocabulary_size, [])
        for order in range(1, max_order + 1):
            codes, counts = np.zeros(0, np.int64), np.zeros(0, np.int64)
            for chunk in _overlapping_chunks(tokens, order - 1, chunk_tokens):
                own = np.unique(counted._codes(chunk, order), return_counts=True)
                codes, counts = _merge((codes, counts), own)
            contexts = len(counted._levels[-1].codes) if order > 1 else 1
            totals = np.zeros(contexts, dtype=np.int64)
            np.add.at(totals, codes // vocabulary_size, counts)
            counted._levels.append(_Level(codes, counts, totals))
        return counted

    def ngrams(self, order: int) -> tuple[Ints, Ints]:
        """The distinct n-grams in lexicographic order, shape (G, order), and their counts, shape (G,)."""
        level = self._levels[order - 1]
        columns = []
        ranks = np.arange(len(level.codes))
        for each in reversed(self._levels[:order]):
            ranks, last = np.divmod(each.codes[ranks], self.vocabulary_size)
            columns.append(last)
        return np.stack(columns[::-1], axis=1), level.counts

    def conditional_entropy(self, order: int) -> float:
        """Plug-in entropy of the n-th token given the n - 1 before it, in nats.

        H_n = -sum c(context, x) / N_n * ln(c(context, x) / c(context)), with N_n the number of n-grams
        and c(context) the sum of the counts of its continuations.
        """
        level = self._levels[order - 1]
        counts = level.counts.astype(np.float64)
        totals = level.context_counts[level.codes // self.vocabulary_size]
        return float(abs(np.sum(counts * np.log(totals / counts)) / np.sum(counts)))

    def log_probabilities(self, tokens: Tokens, order: int, smoothing: float = 0.1) -> Floats:
        """ln p of each token given the order - 1 tokens before it, shape (len(tokens) - order + 1,).

        p = (c(context, x) + smoothing) / (c(context) + smoothing * V), V the vocabulary's size, so that
        a context never seen predicts every token with probability 1 / V. `smoothing` must be positive.
        """
        tokens = np.asarray(tokens)
        if len(tokens) < order:
            return np.zeros(0)
        level = self._levels[order - 1]
        contexts = self._ranks(tokens[:-1], order - 1) if order > 1 else np.zeros(len(tokens), np.int64)
        found = _find(level.codes, self._extend(contexts, tokens[order - 1 :]))
        numerator = np.where(found >= 0, level.counts[found], 0) + smoothing
        return np.asarray(np.log(numerator / self._denominator(contexts, order, smoothing)))

    def predictive_log_probabilities(self, tokens: Tokens, order: int, smoothing: float = 0.1) -> Floats:
        """ln p of every possible next token, shape (len(tokens) - order + 2, vocabulary_size), float64.

        Row i is the distribution of the token that follows tokens[i : i + order - 1]; the last row is
        that of the token after the end. Smoothing as in `log_probabilities`.
        """
        tokens = np.asarray(tokens)
        level = self._levels[order - 1]
        contexts = self._ranks(tokens, order - 1)
        size = self.vocabulary_size
        first = np.searchsorted(level.codes, contexts * size)
        lengths = np.searchsorted(level.codes, (contexts + 1) * size) - first
        rows = np.repeat(np.arange(len(contexts)), lengths)
        within = np.arange(len(rows)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        entries = np.repeat(first, lengths) + within
        numerators = np.full((len(contexts), size), smoothing)
        numerators[rows, level.codes[entries] % size] += level.counts[entries]
        return np.asarray(np.log(numerators / self._denominator(contexts, order, smoothing)[:, None]))

    def _denominator(self, contexts: Ints, order: int, smoothing: float) -> Floats:
        totals = np.where(contexts >= 0, self._levels[order - 1].context_counts[contexts], 0)
        return np.asarray(totals + smoothing * self.vocabulary_size)

    def _extend(self, contexts: Ints, last: Tokens) -> Ints:
        """Codes of n-grams from the ranks of their contexts; negative where the context is unknown."""
        return np.where(contexts >= 0, contexts * self.vocabulary_size + last, -1)

    def _codes(self, tokens: Tokens, order: int) -> Ints:
        """Codes of the len(tokens) - order + 1 n-grams of `tokens`."""
        if order == 1:
            return tokens.astype(np.int64)
        return self._extend(self._ranks(tokens[:-1], order - 1), tokens[order - 1 :])

    def _ranks(self, tokens: Tokens, order: int) -> Ints:
        """Ranks of the n-grams of `tokens`, -1 for unknown ones; the empty n-gram has rank 0."""
        if order == 0:
            return np.zeros(len(tokens) + 1, dtype=np.int64)
        if len(tokens) < order:
            return np.zeros(0, dtype=np.int64)
        return _find(self._levels[order - 1].codes, self._codes(tokens, order))


def window_entropies(train: Tokens, starts: Ints, context: int, vocabulary_size: int) -> list[float]:
    """Cross-entropies of the plug-in predictors of orders 1 to 3 on the targets of windows, nats per token.

    A window at one of `starts` (W,) predicts its tokens 1 to `context` from those of the window before them,
    so that the first target has one token to go by. These are the levels to compare a loss with that is
    measured on the same windows: over all windows they are the conditional entropies.
    """
    counted = NgramCounts.count(train, vocabulary_size, 3)
    windows = np.asarray(train)[starts[:, None] + np.arange(context + 1)]
    # Every n-gram of a window was counted, so that no smoothing is needed.
    logs = []
    for order in range(1, 4):
        found = counted.log_probabilities(windows.ravel(), order, smoothing=1e-12)
        logs.append(np.append(np.zeros(order - 1), found).reshape(windows.shape))
    targets = range(1, context + 1)
    return [-float(np.mean([logs[min(order, k)][:, k] for k in targets])) for order in range(3)]


def in_context_entropies(train: Tokens, starts: Ints, context: int, vocabulary_size: int) -> list[float]:
    """Cross-entropies as `window_entropies`, of Bayesian predictors that know only what a window has so far.

    The probability of a token is (its count + c) / (all counts + c V), the mean under a Dirichlet(c, ..., c)
    prior. Order 1 counts nothing. Order 2 counts the tokens of the window before the target, in-context
    unigrams, with c = V, as the stationary distribution averages over V rows. Order 3 counts what followed
    the last token earlier in the window, in-context bigrams, with c = 1: on windows that lie in one of the
    chains of `sample_chains` no predictor is better (arXiv 2402.11004).
    """
    windows = np.asarray(train)[starts[:, None] + np.arange(context + 1)].astype(np.int64)
    rows = np.arange(len(windows))
    unigrams = np.full((len(windows), vocabulary_size), float(vocabulary_size))
    bigrams = np.ones((len(windows), vocabulary_size, vocabulary_size))
    totals = np.zeros(2)
    for before, target in zip(windows.T[:-1], windows.T[1:], strict=True):
        unigrams[rows, before] += 1
        for order, counts in enumerate((unigrams, bigrams[rows, before])):
            totals[order] -= np.log(counts[rows, target] / counts.sum(axis=1)).sum()
        bigrams[rows, before, target] += 1
    return [float(np.log(vocabulary_size)), *(totals / (len(windows) * context)).tolist()]


def _find(codes: Ints, wanted: Ints) -> Ints:
    """Places of `wanted` in the ascending `codes`, -1 where absent."""
    places = np.searchsorted(codes, wanted)
    places[places == len(codes)] = 0
    return np.where(codes[places] == wanted, places, -1)


def _merge(left: tuple[Ints, Ints], right: tuple[Ints, Ints]) -> tuple[Ints, Ints]:
    """Merge two ascending runs of distinct codes with their counts, adding the counts of equal codes."""
    codes, places = np.unique(np.concatenate([left[0], right[0]]), return_inverse=True)
    counts = np.zeros(len(codes), dtype=np.int64)
    np.add.at(counts, places, np.concatenate([left[1], right[1]]))
    return codes, counts


def _overlapping_chunks(tokens: Tokens, overlap: int, chunk_tokens: int) -> Iterator[Tokens]:
    """Pieces that share `overlap` tokens with the next one, so that each (overlap+1)-gram occurs once."""
    for start in range(0, len(tokens) - overlap, chunk_tokens):
        yield np.asarray(tokens[start : start + chunk_tokens + overlap])


def ngram_entropies(
    train: Tokens,
    validation: Tokens,
    vocabulary_size: int,
    max_order: int = 6,
    smoothing: float = 0.1,
    source: str = "the corpus",
    chunk_tokens: int = 1 << 20,
) -> pd.DataFrame:
    """Entropies of orders 1 to `max_order`: a table with the columns order, train_entropy, val_cross_entropy.

    `train_entropy` is the plug-in conditional entropy of the training split. `val_cross_entropy` is the
    mean of -ln p over the n-grams that lie inside the validation split, with p from the training counts
    under additive smoothing (see `NgramCounts.log_probabilities`). Both in nats per character. Raises
    CorpusError, naming `source`, when a split is shorter than `max_order` tokens.
    """
    for split, tokens in (("training", train), ("validation", validation)):
        if len(tokens) < max_order:
            raise CorpusError(
                f"{source}: its {split} split has {len(tokens)} characters, too few to count n-grams of "
                f"length {max_order}; use a longer text"
            )
    counted = NgramCounts.count(train, vocabulary_size, max_order, chunk_tokens)
    rows = []
    for order in range(1, max_order + 1):
        total = 0.0
        for chunk in _overlapping_chunks(validation, order - 1, chunk_tokens):
            total -= float(np.sum(counted.log_probabilities(chunk, order, smoothing)))
        cross_entropy = total / (len(validation) - order + 1)
        rows.append((order, counted.conditional_entropy(order), cross_entropy))
    return NGRAM_ENTROPIES.frame(rows)
