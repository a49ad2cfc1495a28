"""Broken sticks against their closed form, and the choice of their number of breaks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orderparam.analysis.segmented import fit_broken_stick


def stick(x, breaks, slopes):
    return (
        2
        + slopes[0] * x
        + sum(
            change * np.maximum(x - place, 0) for place, change in zip(breaks, np.diff(slopes), strict=True)
        )
    )


@pytest.mark.parametrize(
    ("breaks", "slopes"),
    [((), (-3.0,)), ((1.2345,), (-3.0, -0.5)), ((1.2345, 2.1111), (-3.0, -0.5, -2.2))],
)
def test_a_noiseless_broken_stick_is_found_to_machine_precision(breaks, slopes):
    x = np.sort(np.random.default_rng(0).uniform(0, 3, 50))
    fit = fit_broken_stick(x, stick(x, breaks, slopes), len(breaks))
    np.testing.assert_allclose(fit.breaks, breaks, atol=1e-12)
    np.testing.assert_allclose(fit.slopes, slopes, atol=1e-12)
    np.testing.assert_allclose(fit(x), stick(x, breaks, slopes), atol=1e-12)
    assert fit.rss < 1e-24


@settings(max_examples=25, deadline=None)
@given(place=st.floats(0.2, 0.8), shift=st.floats(-1e3, 1e3), scale=st.floats(1e-3, 1e3))
def test_the_break_moves_with_the_axis(place, shift, scale):
    x = np.linspace(0, 1, 41)
    y = stick(x, (place,), (-2.0, 1.0))
    fit = fit_broken_stick(shift + scale * x, y, 1)
    assert (fit.breaks[0] - shift) / scale == pytest.approx(place, abs=1e-8)


@pytest.mark.parametrize("breaks", [0, 1, 2])
def test_bic_chooses_the_number_of_breaks(breaks):
    x = np.linspace(0, 3, 60)
    y = stick(x, (1.0, 2.0)[:breaks], (-3.0, -1.0, -2.0)[: breaks + 1])
    y += np.random.default_rng(breaks).normal(0, 0.01, x.size)
    assert np.argmin([fit_broken_stick(x, y, count).bic for count in range(3)]) == breaks


def test_more_breaks_never_fit_worse():
    x = np.linspace(0, 1, 30)
    y = np.random.default_rng(4).normal(size=30)
    rss = [fit_broken_stick(x, y, count).rss for count in range(3)]
    assert rss[0] >= rss[1] >= rss[2]


def test_what_cannot_be_fitted_is_refused():
    with pytest.raises(ValueError, match="x must increase"):
        fit_broken_stick([0, 1, 1, 2], [0, 1, 2, 3], 0)
    with pytest.raises(ValueError, match="too few"):
        fit_broken_stick([0, 1, 2, 3], [0, 1, 2, 3], 1)
    with pytest.raises(ValueError, match="0, 1 or 2"):
        fit_broken_stick(range(9), range(9), 3)
