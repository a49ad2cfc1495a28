"""Deep linear nets: gradients against finite differences, the landscape against the net, the closed forms."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from figure_tables import check_layout

from orderparam.figures import deep_linear
from orderparam.known_systems.deep_linear import sweep as deep_linear_sweep
from orderparam.known_systems.deep_linear.landscape import Landscape, Task, closed_form, find_threshold
from orderparam.known_systems.deep_linear.net import descend, expected_loss, gradient, make_weights
from orderparam.known_systems.deep_linear.sweep import LARGE_KICK, SMALL_KICK, summarize
from orderparam.tables import DEEP_LINEAR_SUMMARY

TASK = Task(a=1.7, c=0.8)


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_gradient_is_that_of_finite_differences(depth):
    weights = make_weights(depth, 3, 0.7, np.random.default_rng(depth))
    for layer, analytic in enumerate(gradient(weights, TASK, 0.3)):
        for index in np.ndindex(analytic.shape):
            losses = []
            for shift in (1e-5, -1e-5):
                moved = [matrix.copy() for matrix in weights]
                moved[layer][index] += shift
                losses.append(expected_loss(moved, TASK, 0.3))
            assert (losses[0] - losses[1]) / 2e-5 == pytest.approx(analytic[index], abs=1e-8)


def test_expected_loss_is_the_mean_over_inputs():
    rng = np.random.default_rng(0)
    weights = make_weights(2, 3, 0.6, rng)
    x = rng.normal(0, np.sqrt(TASK.a), (200_000, 3))
    y = TASK.c / TASK.a * x[:, 0]
    f = x @ (weights[2] @ weights[1] @ weights[0])[0]
    penalty = 0.2 * sum(np.sum(matrix**2) for matrix in weights)
    assert expected_loss(weights, TASK, 0.2) == pytest.approx(np.mean((f - y) ** 2) + penalty, rel=0.02)


@pytest.mark.parametrize("depth", [1, 2])
def test_descent_ends_at_the_landscape_s_minimum(depth):
    gamma = 0.5 * closed_form(TASK, depth).gamma_c
    start = make_weights(depth, 4, 0.6, np.random.default_rng(1))
    end = descend(start, TASK, gamma, max_steps=20_000)
    assert end.converged
    landscape = Landscape(TASK, depth)
    s = np.linalg.norm(end.weights[-1])
    assert s == pytest.approx(landscape.global_minimum(gamma), rel=1e-4)
    assert expected_loss(end.weights, TASK, gamma) == pytest.approx(landscape.loss(s, gamma), rel=1e-6)


@pytest.mark.parametrize("task", [Task(), TASK])
@pytest.mark.parametrize("depth", [1, 2])
def test_landscape_has_the_closed_forms_transitions(task, depth):
    known, landscape = closed_form(task, depth), Landscape(task, depth)
    bounds = (0.1 * known.gamma_c, 3 * known.gamma_c)
    assert find_threshold(landscape, *bounds, True) == pytest.approx(known.gamma_c, rel=1e-6)
    assert find_threshold(landscape, *bounds, False) == pytest.approx(known.spinodal, rel=1e-4)
    assert landscape.global_minimum(known.gamma_c * (1 - 1e-9)) == pytest.approx(known.jump, abs=1e-4)
    assert landscape.global_minimum(known.gamma_c * (1 + 1e-6)) == 0


def test_one_hidden_layer_has_the_square_root_everywhere():
    landscape = Landscape(TASK, 1)
    for gamma in np.linspace(0.05, 0.79, 9):
        expected = np.sqrt((TASK.c - gamma) / TASK.a)
        assert landscape.global_minimum(gamma) == pytest.approx(expected, rel=1e-9)


def test_zero_is_a_minimum_for_two_hidden_layers_at_any_decay_and_for_one_above_the_transition():
    for gamma in (1e-3, 0.1, 0.4, 2.0):
        assert Landscape(Task(), 2).minima(gamma)[0] == 0
    assert Landscape(Task(), 1).minima(0.99)[0] > 0
    assert Landscape(Task(), 1).minima(1.01).tolist() == [0]


def test_minima_are_minima():
    for depth in (1, 2, 3):
        landscape = Landscape(TASK, depth)
        for gamma in (0.01, 0.1, 0.3):
            for s in landscape.minima(gamma):
                near = landscape.loss([s, s + 1e-4, max(s - 1e-4, 0)], gamma)
                assert near[0] <= near[1:].min()


def test_unknown_depths_have_no_closed_form():
    with pytest.raises(ValueError, match="3 hidden layers"):
        closed_form(Task(), 3)


@pytest.fixture(scope="module")
def table():
    """Sweeps on a few gammas around what each sweep must show."""
    grids = {1: np.linspace(0.9, 1.05, 16), 2: np.array([0.2, 0.3, 0.39, 0.40, 0.465, 0.475, 0.5])}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deep_linear_sweep, "grid_of", lambda task, depth: grids[depth])
        return deep_linear_sweep.sweep_all(Task(), 4, 2)


def test_sweeps_show_the_hysteresis_of_two_hidden_layers(table):
    two = table[table["D"] == 2].set_index("gamma")
    up = two.loc[two["direction"] == "up", "s"]
    down = two[two["direction"] == "down"]
    # Between gamma_c = 0.397 and the spinodal at 0.4725 the sweep up stays, beyond it collapses.
    assert up[0.465] > 0.6
    assert up[0.475] < 1e-3
    assert down.loc[down["kick"] == SMALL_KICK, "s"].max() < 0.01
    kicked = down.loc[down["kick"] == LARGE_KICK, "s"]
    assert kicked[0.2] == pytest.approx(up[0.2], rel=1e-3)


def test_summary_agrees_with_the_closed_forms(table):
    # The detector wants 16 points of each global minimum.
    dense = np.linspace(0.2, 0.6, 41)
    exact = pd.DataFrame({"gamma": dense, "s": [Landscape(Task(), 2).global_minimum(g) for g in dense]})
    extra = exact.assign(D=2, direction="global_minimum", kick=np.nan, b=exact["s"] / 4)
    summary = summarize(
        pd.concat([table, extra]).drop_duplicates(["D", "direction", "kick", "gamma"]), Task(), 4
    )
    assert tuple(summary.columns) == DEEP_LINEAR_SUMMARY.columns
    deviations = summary.set_index("quantity")["relative_deviation"]
    for quantity, deviation in deviations.items():
        if "seen by" in quantity:
            assert deviation < 0.03, quantity
        elif "exponent" in quantity or "collapse" in quantity:
            assert deviation < 0.02, quantity
        elif not np.isnan(deviation):
            assert deviation < 0.01, quantity
    assert any("D=2 jump seen" in quantity for quantity in summary["quantity"])


def test_figure_shows_every_sweep_and_both_transitions(table):
    figure = deep_linear.draw(table)
    check_layout(figure, "deep_linear")
    one, two = figure.axes
    assert {line.get_gid() for line in two.lines} >= {"global_minimum", "up", "down-0.001", "down-0.3"}
    assert {line.get_gid() for line in one.lines} >= {"global_minimum", "up", "down-0.001"}
    places = [line.get_xdata()[0] for line in two.lines if len(set(line.get_xdata())) == 1]
    np.testing.assert_allclose(sorted(places), [0.39685, 0.47247], atol=1e-4)
