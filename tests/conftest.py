import signal

import numpy as np
import pytest
import runs
import torch

# Two threads collapse when anything else runs on the machine.
torch.set_num_threads(1)

# What is started by nohup or in the background ignores these, and so would all that the tests start and stop.
for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(number) == signal.SIG_IGN:
        signal.signal(number, handler)


@pytest.fixture
def make_run():
    """A run small enough for a test; any field may be overridden."""
    return runs.make_run


@pytest.fixture
def seeds():
    return runs.SEEDS[0]


@pytest.fixture
def tokens():
    """2,000 token ids below 11 with some structure to learn."""
    rng = np.random.default_rng(0)
    return (np.cumsum(rng.integers(0, 3, 2000)) % 11).astype(np.uint8)


@pytest.fixture
def corpus(tmp_path, tokens):
    """The tokens as a tokenized corpus: paths of tokens.npy and vocabulary.json."""
    return runs.write_corpus(tmp_path, "".join("abcdefghijk"[i] for i in tokens))
