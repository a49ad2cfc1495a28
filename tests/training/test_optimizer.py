"""One update against the formulas of Adam and AdamW, worked out by hand."""

import pytest
import torch
from torch.nn import Parameter

from orderparam.training.optimizer import build_optimizer
from orderparam.training.sequential import Trainer
from orderparam.training.stacked import StackedTrainer

RATE, DECAY, EPSILON = 0.1, 0.25, 1e-8


def first_step(make_run, regularizer, value, gradient):
    run = make_run(learning_rate=RATE, weight_decay=DECAY, regularizer=regularizer)
    parameter = Parameter(torch.tensor([value]))
    parameter.grad = torch.tensor([gradient])
    build_optimizer(run, [parameter]).step()
    return parameter.item()


@pytest.mark.parametrize(("value", "gradient"), [(2.0, 0.5), (-1.0, 0.3), (0.5, -4.0)])
def test_first_step_of_decoupled_decay_shrinks_and_moves_by_the_rate(make_run, value, gradient):
    # Bias-corrected, the first moments are the gradient and its square.
    moved = RATE * gradient / (abs(gradient) + EPSILON)
    expected = value * (1 - RATE * DECAY) - moved
    assert first_step(make_run, "decoupled", value, gradient) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("value", "gradient"),
    # With a factor 1/2 in the penalty the third and fourth gradient would have the other sign.
    [(2.0, 0.5), (-1.0, 0.3), (1.0, -0.4), (-1.0, 0.4)],
)
def test_first_step_of_the_penalty_moves_down_the_whole_gradient(make_run, value, gradient):
    total = gradient + 2 * DECAY * value
    expected = value - RATE * total / (abs(total) + EPSILON)
    assert first_step(make_run, "l2", value, gradient) == pytest.approx(expected, rel=1e-6)


def test_second_step_of_the_penalty_follows_the_moments(make_run):
    run = make_run(learning_rate=RATE, weight_decay=DECAY, regularizer="l2", betas=(0.9, 0.999))
    parameter = Parameter(torch.tensor([2.0], dtype=torch.float64))
    optimizer = build_optimizer(run, [parameter])
    value, first, second = 2.0, 0.0, 0.0
    for step, gradient in ((1, 0.5), (2, -1.5)):
        parameter.grad = torch.tensor([gradient], dtype=torch.float64)
        optimizer.step()
        total = gradient + 2 * DECAY * value
        first = 0.9 * first + 0.1 * total
        second = 0.999 * second + 0.001 * total**2
        value -= RATE * (first / (1 - 0.9**step)) / ((second / (1 - 0.999**step)) ** 0.5 + EPSILON)
    assert parameter.item() == pytest.approx(value, rel=1e-9)


@pytest.mark.parametrize("stacked", [False, True])
def test_reported_losses_are_without_the_penalty(make_run, seeds, tokens, stacked):
    losses = []
    for decay in (0.0, 10.0):
        run = make_run(weight_decay=decay, regularizer="l2", dropout=0.0)
        kind, who = (StackedTrainer, [seeds]) if stacked else (Trainer, seeds)
        trainer = kind(run, who, 11, tokens[:1800], tokens[1800:], torch.device("cpu"))
        trainer.advance(until=1)
        losses.append(trainer.histories[0].steps[0][1])
    assert losses[0] == losses[1]
