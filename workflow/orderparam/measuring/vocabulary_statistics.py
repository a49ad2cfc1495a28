"""Words in text sampled along training: the statistics in which arXiv 2511.12768 sees an early transition.

N. Hong and T. Hong, "Evidence of Phase Transitions in Small Transformer-Based Language Models": counts of
correct and of incorrect words, their diversity and length, and how their number scatters.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from orderparam.measuring.sample_quality import find_words
from orderparam.measuring.sampling import FIRST_TOKEN
from orderparam.model.gpt import GPT
from orderparam.settings.experiment import Run
from orderparam.tables import VOCABULARY_STATISTICS
from orderparam.text.vocabulary import Vocabulary
from orderparam.training.checkpoints import checkpoint_path, load_model
from orderparam.training.schedule import checkpoint_steps


def measure_words(blocks: Sequence[str], known: Collection[str]) -> dict[str, float]:
    """Statistics by name of the words of `blocks` of equally many characters; `known` are the correct words.

    Means over blocks of `correct_words`, `incorrect_words` and `distinct_words` (each counted once a block);
    `correct_share` and `word_length` (characters) of all words; `dispersion`, the variance over blocks of
    the number of correct words over its mean: 1 for Poisson's distribution, less where words repel. NaN
    where there is no word. The first and the last word of a block may be cut and do not count.
    """
    words = [find_words(block)[1:-1] for block in blocks]
    counts = np.array([sum(word in known for word in own) for own in words], dtype=float)
    total = [word for own in words for word in own]
    return {
        "correct_words": float(counts.mean()),
        "incorrect_words": float(np.mean([len(own) for own in words]) - counts.mean()),
        "distinct_words": float(np.mean([len(set(own)) for own in words])),
        "correct_share": float(counts.sum() / len(total)) if total else float("nan"),
        "word_length": float(np.mean([len(word) for word in total])) if total else float("nan"),
        "dispersion": float(counts.var(ddof=1) / counts.mean()) if counts.mean() > 0 else float("nan"),
    }


@torch.no_grad()
def sample_blocks(model: GPT, vocabulary: Vocabulary, blocks: int, characters: int, seed: int) -> list[str]:
    """Independent texts of so many characters, each drawn after token 0 at temperature 1, all at once."""
    generator = torch.Generator().manual_seed(seed)
    model.eval()
    tokens = torch.full((blocks, 1), FIRST_TOKEN)
    for _ in range(characters):
        residual = model.residual_stream(tokens[:, -model.context :])[:, -1:]
        probabilities = torch.softmax(model.logits(residual)[:, 0], dim=-1)
        tokens = torch.cat([tokens, torch.multinomial(probabilities, 1, generator=generator)], dim=1)
    return [vocabulary.decode(row) for row in tokens[:, 1:].numpy()]


def measure_vocabulary(
    run: Run,
    seeds: Sequence[int],
    checkpoints: Path,
    vocabulary: Vocabulary,
    train_text: str,
    blocks: int,
    characters: int,
) -> pd.DataFrame:
    """The statistics at every checkpoint of a training job, as tables.VOCABULARY_STATISTICS.

    Correct words are those of the training text. The same seed samples all checkpoints. RecordError for a
    checkpoint that is missing or damaged.
    """
    known = set(find_words(train_text))
    rows = []
    for seed in seeds:
        for step in checkpoint_steps(run):
            model = load_model(checkpoint_path(checkpoints, seed, step))
            texts = sample_blocks(model, vocabulary, blocks, characters, seed)
            rows.append({"size": run.size, "seed": seed, "step": step, **measure_words(texts, known)})
    return VOCABULARY_STATISTICS.frame(rows)
