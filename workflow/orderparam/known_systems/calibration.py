"""How often the detector errs: false positives on smooth curves, power on planted changes of slope."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from orderparam.analysis.slope_change import THRESHOLD, SlopeChangeDetector
from orderparam.analysis.statistics import share_interval
from orderparam.tables import FALSE_POSITIVES, POWER

Vector = NDArray[np.float64]

# Smooth curves over x from 0 to 1, as losses in nats per character fall: over one to three nats.
NULLS: dict[str, Callable[[Vector], Vector]] = {
    "line": lambda x: 3 - x,
    "exponential, range/3": lambda x: 1.5 + 3 * np.exp(-x / 0.3),
    "exponential, range/10": lambda x: 1.5 + 3 * np.exp(-x / 0.1),
    "two exponentials": lambda x: 1.5 + 2 * np.exp(-x / 0.05) + np.exp(-x / 0.5),
    "power law, exponent 0.3": lambda x: 1 + 3 * (1 + 200 * x) ** -0.3,
    "power law, exponent 1": lambda x: 1 + 3 * (1 + 20 * x) ** -1.0,
    "logistic, range/10": lambda x: 4 - 2 / (1 + np.exp(-(x - 0.4) / 0.1)),
    "exponential and logistic": lambda x: 1.5 + 2 * np.exp(-x / 0.1) - 0.5 / (1 + np.exp(-(x - 0.5) / 0.1)),
    "rounded hinge, range/20": lambda x: 3 - 2 * x + 0.075 * np.logaddexp(0, (x - 0.5) / 0.05),
}
PLANTED = ("line", "exponential, range/10")
# From the observed ones on: 0.4 to 1 nats per range of b.
SLOPE_CHANGES = (0.25, 0.4, 0.6, 0.9, 2.0, 3.0)
# Standard deviation in nats per character and AR(1) correlation from point to point.
NOISES = ((0.001, 0.0), (0.002, 0.0), (0.0015, 0.7))
POINTS = (20, 60)
# A detection counts as a hit within this share of the range of the planted place.
HIT = 0.05
_PLACES = (0.25, 0.75)


def correlated_noise(
    points: int, curves: int, sd: float, correlation: float, rng: np.random.Generator
) -> Vector:
    """Stationary AR(1) Gaussian noise (points, curves) of standard deviation `sd`."""
    noise = rng.normal(0.0, sd, (points, curves))
    for i in range(1, points):
        noise[i] = correlation * noise[i - 1] + np.sqrt(1 - correlation**2) * noise[i]
    return noise


def measure_false_positives(curves: int, seed: int) -> pd.DataFrame:
    """Share of smooth curves in which a change is detected, as tables.FALSE_POSITIVES.

    `lower` and `upper` are Clopper and Pearson's 95% interval of `rate`.
    """
    rng = np.random.default_rng([seed, 0])
    rows = []
    for detector, sd, correlation in _settings():
        points = detector.x.size
        for name, curve in NULLS.items():
            noise = correlated_noise(points, curves, sd, correlation, rng)
            evidence = detector.evaluate(curve(detector.x)[:, None] + noise).evidence
            detected = int(np.sum(evidence > THRESHOLD))
            shares = detected / curves, *share_interval(detected, curves)
            rows.append((name, points, sd, correlation, curves, detected, *shares))
    return FALSE_POSITIVES.frame(rows)


def measure_power(curves: int, seed: int) -> pd.DataFrame:
    """Share of planted changes of slope that are detected within HIT of their place, as tables.POWER.

    `slope_change` is in nats per character per range of x; places are uniform in the middle half.
    """
    rng = np.random.default_rng([seed, 1])
    rows = []
    for detector, sd, correlation in _settings():
        x, points = detector.x, detector.x.size
        for name in PLANTED:
            for change in SLOPE_CHANGES:
                places = rng.uniform(*_PLACES, curves)
                hinges = change * np.maximum(x[:, None] - places, 0.0)
                noise = correlated_noise(points, curves, sd, correlation, rng)
                found = detector.evaluate(NULLS[name](x)[:, None] + hinges + noise)
                hits = (found.evidence > THRESHOLD) & (np.abs(found.place - places) < HIT)
                detected = int(hits.sum())
                shares = detected / curves, *share_interval(detected, curves)
                rows.append((name, change, points, sd, correlation, curves, detected, *shares))
    return POWER.frame(rows)


def _settings() -> Iterator[tuple[SlopeChangeDetector, float, float]]:
    for points in POINTS:
        detector = SlopeChangeDetector(np.linspace(0, 1, points))
        for sd, correlation in NOISES:
            yield detector, sd, correlation


def calibrate_detector(curves: int, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The tables of `measure_false_positives` and `measure_power`."""
    return measure_false_positives(curves, seed), measure_power(curves, seed)
