"""Errors of correlated series against processes whose autocorrelation time and moments are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter

from orderparam.analysis.statistics import (
    autocovariance,
    binder_cumulant,
    choose_block_length,
    estimate_by_jackknife,
    estimate_mean,
    share_interval,
    specific_heat,
    student_interval,
    susceptibility,
)
from orderparam.errors import StatisticsError


def make_ar1(n, a, rng):
    """x_t = a x_{t-1} + noise in its stationary state, of variance 1; tau = (1 + a) / (2 (1 - a))."""
    noise = rng.normal(size=n) * math.sqrt(1 - a**2)
    noise[0] /= math.sqrt(1 - a**2)
    return lfilter([1], [1, -a], noise)


@pytest.mark.parametrize("a", [0.0, 0.5, 0.9, -0.3])
def test_autocorrelation_time_of_an_ar1_process(a):
    rng = np.random.default_rng(3)
    found = [estimate_mean(make_ar1(20_000, a, rng)) for _ in range(50)]
    time = (1 + a) / (2 * (1 - a))
    mean = np.mean([estimate.time for estimate in found])
    assert mean == pytest.approx(time, rel=0.03)
    # The stated error of the mean is that of its scatter.
    z = np.array([estimate.value / estimate.error for estimate in found])
    assert 0.75 < math.sqrt(np.mean(z**2)) < 1.25
    assert found[0].error == pytest.approx(math.sqrt(2 * time / 20_000), rel=0.15)


def test_autocovariance_is_the_plain_sum_over_pairs():
    x = np.random.default_rng(1).normal(size=37)
    d = x - x.mean()
    plain = [np.sum(d[: 37 - lag] * d[lag:]) / (37 - lag) for lag in range(37)]
    np.testing.assert_allclose(autocovariance(x), plain, atol=1e-12)


@settings(max_examples=20, deadline=None)
@given(shift=st.floats(-100, 100), scale=st.floats(0.1, 10), seed=st.integers(0, 1000))
def test_estimate_follows_a_change_of_units(shift, scale, seed):
    x = make_ar1(500, 0.3, np.random.default_rng(seed))
    plain, changed = estimate_mean(x), estimate_mean(shift - scale * x)
    assert changed.value == pytest.approx(shift - scale * plain.value, abs=1e-9)
    assert changed.error == pytest.approx(scale * plain.error, rel=1e-6)
    assert changed.time == pytest.approx(plain.time, rel=1e-6)


def test_constant_series_has_no_error():
    estimate = estimate_mean(np.full(100, 0.1))
    assert (estimate.error, estimate.time) == (0, 0.5)
    assert estimate.value == pytest.approx(0.1)


def test_alternating_series_has_no_larger_error_than_an_independent_one():
    alternating = np.resize([1.0, -1.0], 1000) + np.random.default_rng(0).normal(0, 0.01, 1000)
    assert 0 < estimate_mean(alternating).error <= 1 / math.sqrt(1000)


def test_jackknife_of_a_mean_is_the_standard_error():
    x = np.random.default_rng(0).normal(2, 3, (400, 1))
    estimate = estimate_by_jackknife(x, lambda means: means[..., 0], 1)
    assert estimate.value == pytest.approx(x.mean(), rel=1e-12)
    assert estimate.error == pytest.approx(x.std(ddof=1) / 20, rel=1e-12)


def test_jackknife_removes_the_bias_of_a_square():
    rng = np.random.default_rng(8)
    found = [
        estimate_by_jackknife(rng.normal(1, 2, (40, 1)), lambda means: means[..., 0] ** 2, 2)
        for _ in range(4000)
    ]
    # The plain square of the mean is 4 / 40 too large.
    values = np.array([estimate.value for estimate in found])
    assert values.mean() == pytest.approx(1, abs=4 * values.std() / math.sqrt(4000))
    assert np.mean([estimate.error for estimate in found]) == pytest.approx(values.std(), rel=0.1)


def test_jackknife_drops_the_start_that_fills_no_block():
    x = np.array([[100.0], [1.0], [1.0], [3.0], [3.0]])
    assert estimate_by_jackknife(x, lambda means: means[..., 0], 2).value == 2


def test_blocks_are_as_long_as_the_correlations_require():
    assert choose_block_length(10_000, 0.5) == 50
    assert choose_block_length(10_000, 5.2) == 104
    with pytest.raises(StatisticsError, match="at least 20000 samples"):
        choose_block_length(10_000, 50)


def test_fluctuations_and_binder_cumulant_have_their_known_values():
    m = np.random.default_rng(2).normal(0, 0.1, 400_000)
    assert binder_cumulant(np.mean(m**2), np.mean(m**4)) == pytest.approx(0, abs=0.01)
    assert binder_cumulant(0.3**2, 0.3**4) == pytest.approx(2 / 3)
    half_normal = 0.01 * (1 - 2 / math.pi)
    found = susceptibility(np.mean(abs(m)), np.mean(m**2), 50, 2.0)
    assert found == pytest.approx(25 * half_normal, rel=0.02)
    assert specific_heat(np.mean(abs(m)), np.mean(m**2), 50, 2.0) == pytest.approx(found / 2)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-1, 1), min_size=2, max_size=30).filter(lambda x: max(map(abs, x)) > 0.01))
def test_fluctuations_are_not_negative_and_the_cumulant_at_most_two_thirds(sample):
    m = np.abs(sample)
    assert susceptibility(m.mean(), np.mean(m**2), 10, 1.5) >= -1e-12
    assert binder_cumulant(np.mean(m**2), np.mean(m**4)) <= 2 / 3 + 1e-12


@pytest.mark.parametrize(
    ("series", "message"),
    [
        (np.zeros(9), "at least 10 samples"),
        (np.zeros((20, 2)), r"shape \(20, 2\)"),
        ([*[0.0] * 15, math.nan], "sample 15 is nan"),
        (np.linspace(0, 1, 50), "too short for its autocorrelation time"),
    ],
)
def test_a_series_that_bears_no_estimate_is_told(series, message):
    with pytest.raises(StatisticsError, match=message):
        estimate_mean(series)


def test_student_intervals_cover_even_for_three_seeds():
    rng = np.random.default_rng(0)
    bounds = np.array([student_interval(rng.normal(5, 1, 3)) for _ in range(2000)])
    assert np.mean((bounds[:, 0] < 5) & (bounds[:, 1] > 5)) == pytest.approx(0.95, abs=0.015)
    assert np.isnan(student_interval([1.0])).all()
    assert student_interval([2.0, 2.0, 2.0]) == (2.0, 2.0)


def test_share_has_its_exact_interval():
    # Of none in n the upper end is 1 - 0.025^(1/n).
    assert share_interval(0, 10) == pytest.approx((0, 1 - 0.025**0.1))


def test_too_few_blocks_are_told():
    with pytest.raises(StatisticsError, match="5 samples make 1 blocks of 3"):
        estimate_by_jackknife(np.zeros((5, 1)), lambda means: means[..., 0], 3)
