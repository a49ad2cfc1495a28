"""One update against the formulas of Adam and AdamW, worked out by hand."""

import pytest
import runs
import torch
from torch.nn import Parameter

from orderparam.training.optimizer import build_optimizer

RATE, DECAY, EPSILON = 0.1, 0.25, 1e-8


def decoupled(value, gradient):
    return value * (1 - RATE * DECAY) - RATE * gradient / (abs(gradient) + EPSILON)


def penalty(value, gradient):
    total = gradient + 2 * DECAY * value
    return value - RATE * total / (abs(total) + EPSILON)


@pytest.mark.parametrize(("regularizer", "expected"), [("decoupled", decoupled), ("l2", penalty)])
# With a factor 1/2 in the penalty the gradients of the last two would have the other sign.
@pytest.mark.parametrize(("value", "gradient"), [(2.0, 0.5), (0.5, -4.0), (1.0, -0.4), (-1.0, 0.4)])
def test_first_step_is_by_the_rate(make_run, regularizer, expected, value, gradient):
    # Bias-corrected, the first moments are the gradient and its square.
    run = make_run(learning_rate=RATE, weight_decay=DECAY, regularizer=regularizer)
    parameter = Parameter(torch.tensor([value]))
    parameter.grad = torch.tensor([gradient])
    build_optimizer(run, {"head.weight": parameter}).step()
    assert parameter.item() == pytest.approx(expected(value, gradient), rel=1e-6)


def test_second_step_of_the_penalty_follows_the_moments(make_run):
    run = make_run(learning_rate=RATE, weight_decay=DECAY, regularizer="l2", betas=(0.9, 0.999))
    parameter = Parameter(torch.tensor([2.0], dtype=torch.float64))
    optimizer = build_optimizer(run, {"head.weight": parameter})
    value, first, second = 2.0, 0.0, 0.0
    for step, gradient in ((1, 0.5), (2, -1.5)):
        parameter.grad = torch.tensor([gradient], dtype=torch.float64)
        optimizer.step()
        total = gradient + 2 * DECAY * value
        first = 0.9 * first + 0.1 * total
        second = 0.999 * second + 0.001 * total**2
        value -= RATE * (first / (1 - 0.9**step)) / ((second / (1 - 0.999**step)) ** 0.5 + EPSILON)
    assert parameter.item() == pytest.approx(value, rel=1e-9)


@pytest.mark.parametrize(("regularizer", "penalty"), [("decoupled", DECAY), ("l2", 2 * DECAY)])
def test_descent_follows_the_gradient_with_momentum(make_run, regularizer, penalty):
    keys = {"optimizer": "sgd", "betas": (0.5, 0.9), "learning_rate": RATE, "weight_decay": DECAY}
    run = make_run(**keys, regularizer=regularizer)
    parameter = Parameter(torch.tensor([2.0], dtype=torch.float64))
    optimizer = build_optimizer(run, {"head.weight": parameter})
    value, velocity = 2.0, 0.0
    for gradient in (0.5, -1.5):
        parameter.grad = torch.tensor([gradient], dtype=torch.float64)
        optimizer.step()
        velocity = 0.5 * velocity + gradient + penalty * value
        value -= RATE * velocity
    assert parameter.item() == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize("build", [runs.sequential, runs.stacked])
@pytest.mark.parametrize(("width", "share"), [(None, 1.0), (64, 4.0), (8, 0.5)])
def test_rates_of_maps_follow_the_width(make_run, tokens, build, width, share):
    # The first step of Adam is the learning rate, whatever the gradient, where that is not zero.
    run = make_run(d_model=16, learning_rate=1e-3, learning_rate_width=width, weight_decay=0.0, dropout=0.0)
    engine = build(run, tokens)
    before = {name: weight.detach().clone() for name, weight in engine.weights.items()}
    engine.advance(until=1)
    for name, weight in engine.weights.items():
        rate = 1e-3 * (1.0 if "embedding" in name or "norm" in name or name.endswith("bias") else share)
        assert float((weight - before[name]).abs().max()) == pytest.approx(rate, rel=0.02), name


@pytest.mark.parametrize("build", [runs.sequential, runs.stacked])
def test_reported_losses_are_without_the_penalty(make_run, tokens, build):
    losses = []
    for decay in (0.0, 10.0):
        engine = build(make_run(weight_decay=decay, regularizer="l2", dropout=0.0), tokens)
        engine.advance(until=1)
        losses.append(engine.histories[0].steps[0][1])
    assert losses[0] == losses[1]
