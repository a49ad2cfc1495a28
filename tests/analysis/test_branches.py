"""Ends of branches, loops, crossings and exponents, on landscapes with known ones."""

import math

import numpy as np
import pandas as pd
import pytest

from orderparam.analysis.branches import (
    branch_end,
    critical_exponent,
    crossing_in_loop,
    largest_fall,
    loop_width,
    stage_ends,
    steepest_slope,
)
from orderparam.known_systems.deep_linear.landscape import Landscape, Task, closed_form

GAMMAS = 0.3 * 1.05 ** np.arange(30)


def branch(values, gammas=GAMMAS):
    return pd.Series(np.asarray(values, dtype=float), index=gammas)


def sweep(depth, direction):
    """Norm and loss of a deep linear net that stays in its minimum as long as there is one."""
    landscape = Landscape(Task(), depth)
    norms = []
    for gamma in GAMMAS:
        minima = landscape.minima(gamma)
        norms.append(minima[-1] if direction == "up" else minima[0])
    losses = [float(landscape.loss(s, gamma)) for s, gamma in zip(norms, GAMMAS, strict=True)]
    return branch(norms), branch(losses)


def test_two_hidden_layers_have_the_loop_and_the_crossing_of_the_closed_form():
    known = closed_form(Task(), 2)
    (up, up_loss), (down, down_loss) = sweep(2, "up"), sweep(2, "down")
    assert branch_end(up, 0.1) == pytest.approx(known.spinodal, rel=0.05)
    # Zero is a minimum at every penalty, so the downward branch never leaves it.
    assert branch_end(down, 0.1) == GAMMAS[0]
    assert loop_width(up, down, 0.1) == pytest.approx(math.log(known.spinodal / GAMMAS[0]), abs=0.05)
    place = crossing_in_loop(up_loss, down_loss, (GAMMAS[0] / 1.05, known.spinodal))
    low, high = math.log(GAMMAS[0] / 1.05), math.log(known.spinodal)
    assert low + place * (high - low) == pytest.approx(math.log(known.gamma_c), abs=0.02)
    # All of it is lost in one step.
    assert largest_fall(up, GAMMAS[0], GAMMAS[-1]) == up[up.index < known.spinodal].iloc[-1]


def test_one_hidden_layer_has_no_loop_and_the_exponent_of_the_closed_form():
    (up, _), (down, _) = sweep(1, "up"), sweep(1, "down")
    assert loop_width(up, down, 0.05) == 0
    gamma_c, beta = critical_exponent(up, 0.05)
    assert gamma_c == pytest.approx(1, rel=0.01)
    assert beta == pytest.approx(0.5, rel=0.05)
    gamma_c, beta = critical_exponent(up**2, 0.05)
    assert beta == pytest.approx(1, rel=0.05)
    assert critical_exponent(up**2, 0.05, end=1.0) == (1.0, pytest.approx(1, rel=0.03))


@pytest.mark.parametrize("trace", [0.0, 0.3])
def test_a_known_end_needs_no_fit_and_leaves_out_what_is_beyond(trace):
    law = np.clip(0.7 - GAMMAS, 0, None) ** 1.5
    # Fluctuations keep an observable from zero beyond the end.
    assert critical_exponent(branch(np.maximum(law, trace * (GAMMAS > 0.7))), 1e-3, end=0.7) == (
        0.7,
        pytest.approx(1.5),
    )


def test_an_exponent_needs_four_stages_and_an_end():
    assert math.isnan(critical_exponent(branch([3.0, 2, 1, 0], GAMMAS[:4]), 0.1)[1])
    assert math.isnan(critical_exponent(branch([5.0, 4, 3, 2, 1], GAMMAS[:5]), 0.1)[1])


@pytest.mark.parametrize(("shift", "expected"), [(1.0, 0.0), (-1.0, 1.0)])
def test_losses_that_do_not_cross_in_the_loop_are_at_its_ends(shift, expected):
    down = branch(np.zeros(30))
    assert crossing_in_loop(down + shift, down, (0.4, 0.8)) == expected
    assert math.isnan(crossing_in_loop(down, down, (0.4, 0.4)))


def test_the_steepest_slope_is_by_the_logarithm_of_the_penalty():
    assert steepest_slope(branch(2 * np.log(GAMMAS))) == pytest.approx(2)


def test_the_largest_fall_is_that_between_the_penalties():
    falling = branch([9.0, 5, 4, 2, 2.5], [1, 2, 3, 4, 5])
    assert largest_fall(falling, 1, 5) == 4
    assert largest_fall(falling, 2, 4.5) == 2
    assert math.isnan(largest_fall(falling, 6, 7))


def test_the_end_of_each_stage_is_its_last_row():
    decays = [0.1, 0.1, 0.2, 0.2, 0.1, 0.1]
    rows = [
        {
            "size": size,
            "seed": seed,
            "step": step,
            "weight_decay": decay,
            "train_loss": 2.0,
            "squared_norm": 3.0,
        }
        for size in ("a", "b")
        for seed in (1, 2)
        for step, decay in enumerate(decays)
    ]
    ends = stage_ends(pd.DataFrame(rows).sample(frac=1, random_state=0))
    assert ends["step"].tolist() == [1, 3, 5] * 4
    assert ends["penalised_loss"].tolist() == pytest.approx([2.3, 2.6, 2.3] * 4)


def test_a_stage_counts_with_the_mean_of_its_last_rows():
    rows = [
        {"size": "a", "seed": 1, "step": step, "weight_decay": decay, "train_loss": loss, "squared_norm": 0.0}
        for step, (decay, loss) in enumerate([(0.1, 9.0), (0.1, 1.0), (0.1, 2.0), (0.2, 5.0), (0.2, 7.0)])
    ]
    ends = stage_ends(pd.DataFrame(rows), rows=2)
    assert ends["step"].tolist() == [2, 4]
    assert ends["train_loss"].tolist() == ends["penalised_loss"].tolist() == [1.5, 6.0]
