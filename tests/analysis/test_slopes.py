"""Local slopes: exact on polynomials, honest about their errors."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from orderparam.analysis.slopes import estimate_slope, measure_loss_slopes, rising_rows

X = np.cumsum(np.random.default_rng(0).uniform(0.2, 2, 60)) / 60


def test_slopes_of_cubics_are_exact_at_any_spacing():
    estimate = estimate_slope(X, 2 - X + 3 * X**2 - X**3)
    np.testing.assert_allclose(estimate.slope, -1 + 6 * X - 3 * X**2, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(estimate.value, 2 - X + 3 * X**2 - X**3, rtol=1e-12)


@pytest.mark.parametrize("points", [20, 60])
def test_standard_errors_cover_the_true_slope(points):
    x = np.linspace(0, 1, points)
    rng = np.random.default_rng(points)
    estimates = [estimate_slope(x, np.sin(4 * x) + rng.normal(0, 0.002, points)) for _ in range(40)]
    z = np.array([(e.slope - 4 * np.cos(4 * x)) / e.standard_error for e in estimates])[:, 2:-2]
    assert 0.8 < z.std() < 1.4


def test_noise_and_errors_scale_with_the_values():
    y = np.sin(4 * X) + np.random.default_rng(2).normal(0, 0.01, X.size)
    one, other = estimate_slope(X, y), estimate_slope(X, 5 * y)
    np.testing.assert_allclose(other.standard_error, 5 * one.standard_error, rtol=1e-9)


@pytest.mark.parametrize(
    ("x", "message"), [(range(6), "too few"), ([0, 1, 2, 2, 3, 4, 5], "x must increase")]
)
def test_what_cannot_be_estimated_is_refused(x, message):
    with pytest.raises(ValueError, match=message):
        estimate_slope(x, range(len(x)))


def test_the_order_parameter_is_a_clock_where_it_rises():
    assert rising_rows([2, 1, 3, 3, 2.5, 4]).tolist() == [1, 2, 5]


def test_slopes_of_a_run_are_those_along_both_clocks_where_b_rises():
    steps = np.arange(0, 400, 10)
    b = 0.2 + np.abs(steps - 20) / 1000
    run = pd.DataFrame({"size": "a", "seed": 1, "step": steps, "order_parameter": b, "train_loss": 4 - 3 * b})
    table = measure_loss_slopes(run)
    assert table["step"].tolist() == steps[2:].tolist()
    np.testing.assert_allclose(table["dloss_dorder"], -3)
    np.testing.assert_allclose(table["loss_dorder"], table["train_loss"])
    np.testing.assert_allclose(table["dloss_dlogstep"][5:], -0.003 * table["step"][5:], rtol=1e-2)
    assert measure_loss_slopes(run.iloc[:8])["dloss_dorder"].isna().all()
