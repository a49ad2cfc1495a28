import numpy as np
import pytest
import torch

from orderparam.files import sha256_of_file
from orderparam.settings.experiment import Run, Seeds
from orderparam.text.vocabulary import tokenize_corpus

# Two threads collapse when anything else runs on the machine.
torch.set_num_threads(1)


@pytest.fixture
def make_run():
    """A run small enough for a test; any field may be overridden."""

    def make(**overrides):
        values = {
            "experiment": "test",
            "size": "tiny",
            "corpus": "made_up",
            "d_model": 16,
            "n_head": 2,
            "n_layer": 1,
            "attention": "causal",
            "context": 8,
            "batch_size": 4,
            "learning_rate": 3e-3,
            "weight_decay": 0.01,
            "betas": (0.9, 0.999),
            "dropout": 0.2,
            "steps": 20,
            "measure_every": 5,
            "log_spaced_per_decade": 3,
            "checkpoint_every": 10,
            "train_windows": 16,
            "val_windows": "all",
            "device": "cpu",
            "threads": 1,
        }
        return Run(**{**values, **overrides})

    return make


@pytest.fixture
def seeds():
    return Seeds(seed=1, weights=1, batches=2, dropout=3)


@pytest.fixture
def tokens():
    """2,000 token ids below 11 with some structure to learn."""
    rng = np.random.default_rng(0)
    return (np.cumsum(rng.integers(0, 3, 2000)) % 11).astype(np.uint8)


@pytest.fixture
def corpus(tmp_path, tokens):
    """The tokens as a tokenized corpus: paths of tokens.npy and vocabulary.json."""
    text = "".join("abcdefghijk"[i] for i in tokens)
    path = tmp_path / "corpus.txt"
    path.write_text(text)
    manifest = {
        "corpus": "made_up",
        "source": "made_up.txt",
        "sha256": sha256_of_file(path),
        "bytes": len(text),
        "stand_in": False,
        "notice": None,
        "alphabet": None,
    }
    places = tmp_path / "tokens.npy", tmp_path / "vocabulary.json"
    tokenize_corpus(path, manifest, *places)
    return places
