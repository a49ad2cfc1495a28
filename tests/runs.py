"""Runs small enough for a test, and what trains them."""

import torch

from orderparam.files import sha256_of_file
from orderparam.model.gpt import build_model_of_run
from orderparam.settings.experiment import Run, Seeds
from orderparam.text.vocabulary import tokenize_corpus
from orderparam.training.run import train_run
from orderparam.training.sequential import SequentialEngine
from orderparam.training.snapshots import SnapshotStore
from orderparam.training.stacked import StackedEngine

CPU = torch.device("cpu")
VOCABULARY = 11  # of the fixture `tokens`
SEEDS = [Seeds(1, 1, 2, 3), Seeds(2, 1, 8, 4), Seeds(7, 5, 2, 3)]


def make_run(**overrides):
    """A run small enough for a test; any field may be overridden."""
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


def write_corpus(folder, text):
    """Tokenize a text in `folder`; returns the paths of tokens.npy and vocabulary.json."""
    path = folder / "corpus.txt"
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
    places = folder / "tokens.npy", folder / "vocabulary.json"
    tokenize_corpus(path, manifest, *places)
    return places


def build_model(seed=0, vocabulary_size=VOCABULARY, **overrides):
    """The model of a small run."""
    return build_model_of_run(make_run(**overrides), seed, vocabulary_size)


def sequential(run, tokens, seeds=SEEDS[0], **options):
    splits = tokens[:1800], tokens[1800:]
    return SequentialEngine(run, [seeds], VOCABULARY, *splits, options.pop("device", CPU), **options)


def stacked(run, tokens, seeds=SEEDS, **options):
    splits = tokens[:1800], tokens[1800:]
    return StackedEngine(run, seeds, VOCABULARY, *splits, options.pop("device", CPU), **options)


def finish(engine, folder, key="key", **options):
    """Train an engine's runs to their end in `folder`, from its snapshots there if there are any."""
    store = SnapshotStore(folder / "snapshots", key)
    train_run(engine, store, folder / "checkpoints", folder / "diverged", **options)
    return engine


def files_of(folder):
    """Content of every file that a finished job leaves, by its path, but for that which tells times."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "unfinished" not in path.parts and path.name != "environment.json"
    }


def advance(engine, until, at_once=1000):
    """Make an engine's updates up to a step, at most so many at a time."""
    while engine.step < until:
        engine.advance(until=min(until, engine.step + at_once))
    return engine


def windows_of(tokens, seeds, count):
    """Windows of 8 tokens and the one after them, int64 (seeds, count, 9)."""
    return torch.from_numpy(tokens[: seeds * count * 9].astype("int64")).view(seeds, count, 9)
