"""Both engines against the plain model in training: same weights, same batches, other dropout masks.

Losses of paired runs then differ by the masks' noise alone. The test is one of equivalence: the 95%
confidence interval (t) of the mean difference over five seeds must lie within a tolerance, in nats per
character. Hence it fails when an engine is wrong, and also when the runs are too few or too short to tell.
"""

import contextlib
import dataclasses

import numpy as np
import pytest
import torch
from cut_products import TF32_BITS, CutProducts
from runs import CPU
from scipy import stats
from torch.nn import functional as F

from orderparam.model import plain as plain_gpt
from orderparam.model.gpt import build_model_of_run
from orderparam.model.plain import PlainGPT
from orderparam.settings.experiment import Seeds
from orderparam.text.surrogate import TINY_SHAKESPEARE, NgramTable, sample_text
from orderparam.training.engine import BatchSampler
from orderparam.training.sequential import SequentialEngine
from orderparam.training.stacked import StackedEngine

SEEDS = [Seeds(seed, seed, 100 + seed, 200 + seed) for seed in range(5)]


@dataclasses.dataclass(frozen=True)
class Scale:
    """How long the runs are, and what difference of the loss counts as none.

    Queries and keys begin `sharpened` times as large: attention is nearly uniform at first, and its scale
    would not matter within a short run. A tolerance is for the mean batch loss of all steps, and for that of
    the last 50. Runs that differ by the precision of their products have the same masks, and a tenth of the
    noise. Cutting factors off makes each smaller, by up to 2^-10: that bias is larger than the noise.
    """

    context: int
    batch_size: int
    learning_rate: float
    steps: int
    sharpened: float
    tolerance: tuple[float, float]
    of_precision: tuple[float, float]


SMALL = Scale(32, 16, 3e-3, 200, 3.0, tolerance=(0.003, 0.008), of_precision=(0.0002, 0.0004))
PROTOCOL = Scale(256, 64, 3e-4, 300, 1.0, tolerance=(0.001, 0.002), of_precision=(0.0005, 0.0005))


@pytest.fixture(scope="module")
def text():
    """200,000 tokens that resemble Tiny Shakespeare, and the number of characters."""
    drawn = sample_text(NgramTable.read(TINY_SHAKESPEARE), 3, seed=0, characters=200_000)
    characters = sorted(set(drawn))
    return np.array([characters.index(c) for c in drawn], dtype=np.uint8), len(characters)


def run_of(make_run, scale):
    names = ("context", "batch_size", "learning_rate", "steps")
    return make_run(d_model=32, **{name: getattr(scale, name) for name in names})


def initial_weights(run, seeds, vocabulary_size, sharpened):
    weights = build_model_of_run(run, seeds.weights, vocabulary_size).state_dict()
    weights["blocks.0.attention.qkv.weight"][: 2 * run.d_model] *= sharpened
    return weights


def sequential_losses(run, scale, text):
    tokens, size = text
    losses = []
    for seeds in SEEDS:
        initial = [initial_weights(run, seeds, size, scale.sharpened)]
        engine = SequentialEngine(run, [seeds], size, tokens, tokens, CPU, initial)
        losses.append([engine.update() for _ in range(run.steps)])
    return np.array(losses)


def stacked_losses(run, scale, text, precision="float32", products=None):
    tokens, size = text
    initial = [initial_weights(run, seeds, size, scale.sharpened) for seeds in SEEDS]
    engine = StackedEngine(run, SEEDS, size, tokens, tokens, CPU, initial, precision)
    with products or contextlib.nullcontext():
        while engine.step < run.steps:
            engine.advance(until=run.steps)
    return np.array([[loss for _, loss in history.steps] for history in engine.histories])


def plain_losses(run, scale, text):
    tokens, size = text
    losses = []
    for seeds in SEEDS:
        torch.manual_seed(seeds.weights)
        model = PlainGPT(run, size)
        with torch.no_grad():
            for head in model.blocks[0].heads:
                head.query.weight *= scale.sharpened
                head.key.weight *= scale.sharpened
        optimizer = torch.optim.AdamW(model.parameters(), lr=run.learning_rate, weight_decay=run.weight_decay)
        sampler = BatchSampler(tokens, run.context, run.batch_size, seeds.batches)
        torch.manual_seed(7000 + seeds.seed)
        own = []
        for _ in range(run.steps):
            inputs, targets = sampler.draw()
            loss = F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            own.append(loss.item())
        losses.append(own)
    return np.array(losses)


def attend_with_head_size_scale(self, x):
    """A Head as most transformers have it, its logits scaled by head_size^-1/2."""
    length = x.shape[-2]
    logits = self.query(x) @ self.key(x).mT * self.key.out_features**-0.5
    weights = F.softmax(logits.masked_fill(~self.visible[:length, :length], -torch.inf), dim=-1)
    return self.dropout(weights) @ self.value(x)


def farthest(ours, theirs):
    """The end of the mean difference's 95% confidence interval that is farther from 0."""
    differences = ours - theirs
    margin = stats.t.ppf(0.975, len(differences) - 1) * stats.sem(differences)
    return abs(differences.mean()) + margin


def agree(ours, theirs, tolerance):
    found = farthest(ours.mean(1), theirs.mean(1)), farthest(ours[:, -50:].mean(1), theirs[:, -50:].mean(1))
    print(f"{found[0]:.5f}, late {found[1]:.5f} (tolerances {tolerance})")
    return all(np.less_equal(found, tolerance))


@pytest.mark.parametrize(
    "scale", [SMALL, pytest.param(PROTOCOL, marks=pytest.mark.slow)], ids=["small", "protocol"]
)
def test_engines_train_as_the_plain_model_does_and_wrong_ones_do_not(make_run, text, monkeypatch, scale):
    run = run_of(make_run, scale)
    plain, stacked = plain_losses(run, scale, text), stacked_losses(run, scale, text)
    assert agree(sequential_losses(run, scale, text), plain, scale.tolerance)
    assert agree(stacked, plain, scale.tolerance)
    doubled = dataclasses.replace(run, dropout=0.4)
    assert not agree(stacked_losses(doubled, scale, text), plain, scale.tolerance)
    # Coarser products do not change the loss, and far coarser ones do.
    assert agree(stacked_losses(run, scale, text, "bf16"), stacked, scale.of_precision)
    tf32, coarser = CutProducts(TF32_BITS), CutProducts(3)
    assert agree(stacked_losses(run, scale, text, products=tf32), stacked, scale.of_precision)
    assert tf32.count == 21 * run.steps
    assert not agree(stacked_losses(run, scale, text, products=coarser), stacked, scale.of_precision)
    if scale is SMALL:
        monkeypatch.setattr(plain_gpt.Head, "forward", attend_with_head_size_scale)
        assert not agree(plain_losses(run, scale, text), plain, scale.tolerance)
