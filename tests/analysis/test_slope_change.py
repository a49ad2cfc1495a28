"""The detector: exact cases, the shares of false positives and of misses, and systems with a known answer."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import brentq

from orderparam.analysis.slope_change import (
    THRESHOLD,
    SlopeChangeDetector,
    detect_slope_change,
    thin_out,
)

X = np.linspace(0, 1, 40)
SMOOTH = {
    "exponential": 1.5 + 3 * np.exp(-X / 0.2),
    "power law": 1 + 3 * (1 + 50 * X) ** -0.5,
    "logistic": 4 - 2 / (1 + np.exp(-(X - 0.5) / 0.08)),
}
DETECTOR = SlopeChangeDetector(X)


def noise(curves, correlation=0.0, sd=0.002, seed=0):
    draws = np.random.default_rng(seed).normal(0, sd, (X.size, curves))
    for i in range(1, X.size):
        draws[i] = correlation * draws[i - 1] + np.sqrt(1 - correlation**2) * draws[i]
    return draws


@pytest.mark.parametrize("curve", SMOOTH)
@pytest.mark.parametrize("correlation", [0.0, 0.7])
def test_smooth_curves_are_rarely_called_broken(curve, correlation):
    evidence = DETECTOR.evaluate(SMOOTH[curve][:, None] + noise(100, correlation)).evidence
    # 5% of 100 exceeds 11 with a chance below 0.5%.
    assert np.sum(evidence > THRESHOLD) <= 11


@pytest.mark.parametrize("curve", ["exponential", "power law"])
def test_planted_changes_of_slope_are_found(curve):
    places = np.random.default_rng(1).uniform(0.25, 0.75, 60)
    hinges = 2 * np.maximum(X[:, None] - places, 0)
    found = DETECTOR.evaluate(SMOOTH[curve][:, None] + hinges + noise(60))
    assert np.mean(found.evidence > THRESHOLD) > 0.85
    np.testing.assert_array_less(np.median(np.abs(found.place - places)), 0.01)
    assert found.is_jump.mean() < 0.1
    assert np.median(found.noise) == pytest.approx(0.002, rel=0.4)


def test_noiseless_smooth_curves_are_smooth_and_noiseless_hinges_broken():
    for curve in SMOOTH.values():
        assert not detect_slope_change(X, curve).detected
    found = detect_slope_change(X, SMOOTH["exponential"] + np.maximum(X - 0.4321, 0))
    assert found.detected
    assert not found.is_jump
    assert found.place == pytest.approx(0.4321, abs=0.01)


def test_a_jump_is_told_from_a_change_of_slope():
    found = detect_slope_change(X, SMOOTH["exponential"] + 0.3 * (X > 0.61) + noise(1)[:, 0])
    assert found.detected and found.is_jump
    assert found.place == pytest.approx(0.61, abs=0.02)


def test_evidence_does_not_depend_on_units():
    y = SMOOTH["exponential"] + np.maximum(X - 0.5, 0) + noise(1)[:, 0]
    one, other = detect_slope_change(X, y), detect_slope_change(7 + 0.01 * X, 300 - 20 * y)
    assert other.evidence == pytest.approx(one.evidence, rel=1e-6)
    assert other.place == pytest.approx(7 + 0.01 * one.place)


def mean_field_magnetization(temperatures):
    return np.array(
        [brentq(lambda m, t=t: m - np.tanh(m / t), 1e-9, 1) if t < 1 else 0.0 for t in temperatures]
    )


def test_known_transitions_are_seen():
    temperatures = np.linspace(0.5, 1.5, 61)
    found = detect_slope_change(temperatures, mean_field_magnetization(temperatures))
    assert found.detected
    assert found.place == pytest.approx(1, abs=0.03)
    temperatures = np.linspace(1.5, 3, 61)
    critical = 2 / np.log(1 + np.sqrt(2))
    yang = np.maximum(1 - np.sinh(2 / temperatures) ** -4.0, 0) ** 0.125
    found = detect_slope_change(temperatures, yang)
    assert found.detected and found.is_jump
    assert found.place == pytest.approx(critical, abs=0.03)


def test_without_a_transition_none_is_seen():
    # The one-dimensional chain of 64 spins in a field: no transition at any temperature.
    temperatures = np.linspace(0.5, 3, 61)
    field = 0.1
    magnetization = np.sinh(field / temperatures) / np.sqrt(
        np.sinh(field / temperatures) ** 2 + np.exp(-4 / temperatures)
    )
    assert not detect_slope_change(temperatures, magnetization).detected


def test_thinning_keeps_sums():
    x = np.arange(960.0)
    thin_x, thin_y = thin_out(x, 3 * x, points=120)
    assert thin_x.size <= 120
    np.testing.assert_allclose(thin_y, 3 * thin_x)
    assert thin_x.mean() == pytest.approx(x.mean())


def test_short_curves_are_refused():
    with pytest.raises(ValueError, match="at least 16"):
        detect_slope_change(np.arange(15), np.arange(15))
