"""How good sampled text is, by numbers: the share of real words, and its likelihood under an n-gram model."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from orderparam.measuring.sampling import TextSampler
from orderparam.settings.experiment import Run
from orderparam.tables import SAMPLE_QUALITY
from orderparam.text.ngrams import NgramCounts
from orderparam.text.vocabulary import Tokens, load_tokens, load_vocabulary
from orderparam.training.schedule import checkpoint_steps

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


def score_checkpoints(
    run: Run,
    seed: int,
    metrics: pd.DataFrame,
    checkpoints: Path,
    tokens: Path,
    vocabulary: Path,
    *,
    samples: int = 8,
    characters: int = 1000,
) -> pd.DataFrame:
    """Scores of text from the checkpoint of least validation loss and from the last; tables.SAMPLE_QUALITY.

    Of each, `samples` texts of so many characters are drawn in evaluation mode at temperature 1. `metrics`
    (tables.METRICS) has the validation losses.
    """
    decoder = load_vocabulary(vocabulary)
    train, val = load_tokens(tokens, vocabulary)
    scorer = SampleScorer(decoder.decode(train), val, len(decoder))
    of_run = metrics[(metrics["size"] == run.size) & (metrics["seed"] == seed)].set_index("step")
    losses = of_run["val_loss"].reindex(checkpoint_steps(run)).dropna()
    rows = []
    for checkpoint, place in (("best", int(losses.to_numpy().argmin())), ("last", len(losses) - 1)):
        step = int(losses.index[place])
        start = {"size": run.size, "seed": seed, "checkpoint": checkpoint, "step": step}
        rows.append(start | {"sample": 0, "quantity": "val_loss", "value": float(losses.iloc[place])})
        sampler = TextSampler.load(checkpoints, seed, step, vocabulary, run.device)
        for sample in range(samples):
            scores = scorer.score(*sampler.sample(characters, 1.0, sample))
            rows += [
                start | {"sample": sample, "quantity": name, "value": value} for name, value in scores.items()
            ]
    return SAMPLE_QUALITY.frame(rows)
