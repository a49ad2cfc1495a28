"""Local slopes: exact on polynomials, honest about their errors."""

from __future__ import annotations

import numpy as np
import pytest

from orderparam.analysis.local_slope import estimate_slope, local_extrema

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
    assert np.median([e.noise for e in estimates]) == pytest.approx(0.002, rel=0.15)


def test_noise_and_errors_scale_with_the_values():
    y = np.sin(4 * X) + np.random.default_rng(2).normal(0, 0.01, X.size)
    one, other = estimate_slope(X, y, 11), estimate_slope(X, 5 * y, 11)
    np.testing.assert_allclose(other.standard_error, 5 * one.standard_error, rtol=1e-9)


def test_what_cannot_be_estimated_is_refused():
    with pytest.raises(ValueError, match="too few"):
        estimate_slope(range(6), range(6))
    with pytest.raises(ValueError, match="x must increase"):
        estimate_slope([0, 1, 2, 2, 3, 4, 5], range(7))
    with pytest.raises(ValueError, match="5 of 9 points"):
        estimate_slope(range(9), range(9), points=5)


def test_local_extrema_are_the_inner_turning_points():
    minima, maxima = local_extrema([3, 1, 2, 2, 2, 0, 5, 4])
    assert minima.tolist() == [1, 5]
    assert maxima.tolist() == [2, 6]
    assert [found.size for found in local_extrema(np.arange(5))] == [0, 0]
