"""The calibration of the detector of slope changes: what it counts, and its figure."""

import numpy as np
import pytest

from orderparam.figures import transition_calibration
from orderparam.known_systems.calibration import (
    NULLS,
    correlated_noise,
    measure_false_positives,
    measure_power,
)


def test_noise_has_its_size_and_correlation():
    noise = correlated_noise(400, 200, 0.002, 0.7, np.random.default_rng(0))
    assert noise.std() == pytest.approx(0.002, rel=0.02)
    assert np.corrcoef(noise[1:].ravel(), noise[:-1].ravel())[0, 1] == pytest.approx(0.7, abs=0.02)


def test_calibration_counts_and_is_drawn(monkeypatch):
    monkeypatch.setattr("orderparam.known_systems.calibration.POINTS", (20,))
    monkeypatch.setattr("orderparam.known_systems.calibration.NOISES", ((0.001, 0.0),))
    false_positives, power = measure_false_positives(20, 0), measure_power(20, 0)
    assert len(false_positives) == len(NULLS)
    assert (false_positives["rate"] <= 0.15).all()
    assert (power.loc[power["slope_change"] == 3, "rate"] >= 0.8).all()
    for table in (false_positives, power):
        assert table["rate"].between(table["lower"], table["upper"]).all()
    figure = transition_calibration.draw(false_positives, power)
    assert len(figure.axes) == 2
