"""Moments of ensembles against their closed forms, and collapses of exact scaling functions."""

from __future__ import annotations

import numpy as np
import pytest

from orderparam.analysis.collapse import fit_collapse
from orderparam.analysis.ensemble import (
    bimodality_coefficient,
    binder_cumulant,
    bootstrap_interval,
    susceptibility,
    two_peak_evidence,
)

RNG = np.random.default_rng(0)
GAUSSIAN = RNG.normal(3, 2, 200_000)


def test_binder_cumulant_of_known_distributions():
    assert binder_cumulant([1, -1] * 5) == pytest.approx(2 / 3)
    assert binder_cumulant([8, 6] * 5) == pytest.approx(2 / 3)
    assert binder_cumulant(GAUSSIAN) == pytest.approx(0, abs=0.02)
    assert binder_cumulant(RNG.uniform(size=200_000)) == pytest.approx(0.4, abs=0.01)
    assert np.isnan(binder_cumulant([2.0, 2.0]))


def test_bimodality_coefficient_of_known_distributions():
    assert bimodality_coefficient(GAUSSIAN) == pytest.approx(1 / 3, abs=0.01)
    assert bimodality_coefficient(RNG.uniform(size=200_000)) == pytest.approx(5 / 9, abs=0.01)
    assert bimodality_coefficient([1.0, -1.0] * 5000) == pytest.approx(1, abs=1e-3)
    assert np.isnan(bimodality_coefficient([1.0, 2.0, 3.0]))


def test_susceptibility_is_the_size_times_the_unbiased_variance():
    assert susceptibility([1.0, 2.0, 3.0], 5) == pytest.approx(5)
    np.testing.assert_allclose(susceptibility([[1.0, 0.0], [3.0, 0.0]], 2, axis=0), [4, 0])


def test_two_peaks_are_told_from_one():
    apart = np.concatenate([RNG.normal(0, 1, 12), RNG.normal(7, 1, 12)])
    assert two_peak_evidence(apart) > 6
    one = [two_peak_evidence(RNG.normal(size=16)) > 6 for _ in range(60)]
    assert np.mean(one) < 0.1
    assert np.isnan(two_peak_evidence([1.0] * 20))


def test_bootstrap_intervals_cover():
    inside = []
    for seed in range(60):
        values = np.random.default_rng(seed).normal(5, 1, 20)
        lower, upper = bootstrap_interval(values, np.mean)
        inside.append(lower < 5 < upper)
    assert 0.8 < np.mean(inside) <= 1
    assert np.isnan(bootstrap_interval([1.0, 2.0], np.mean)).all()


def scaling_curves(sizes, seed=0, sd=0.003):
    rng = np.random.default_rng(seed)
    curves = {}
    for size in sizes:
        x = np.linspace(-1.2, 1.2, 25) / size**0.8 + 2.3
        y = size**-0.125 * (1 - np.tanh((x - 2.3) * size**0.8))
        curves[size] = (x, y + rng.normal(0, sd, x.size), np.full(x.size, sd))
    return curves


def test_exponents_of_an_exact_scaling_function_are_recovered_and_predict_held_out_sizes():
    result = fit_collapse(scaling_curves((8, 16, 32)), scaling_curves((64,), 1), (2.2, 1.0, 0.2))
    assert result.critical == pytest.approx(2.3, abs=0.005)
    assert result.width_exponent == pytest.approx(0.8, abs=0.05)
    assert result.value_exponent == pytest.approx(0.125, abs=0.02)
    assert result.quality < 2
    assert result.held_out < 4
    assert result.unscaled > 20 * result.held_out


def test_a_collapse_needs_two_sizes():
    with pytest.raises(ValueError, match="two sizes"):
        fit_collapse(scaling_curves((8,)), {}, (2.2, 1.0, 0.2))
