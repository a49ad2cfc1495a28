"""Collapses of exact scaling functions."""

import numpy as np
import pytest

from orderparam.analysis.collapse import fit_collapse


def scaling_curves(sizes, seed=0, sd=0.003, width=0.8):
    rng = np.random.default_rng(seed)
    curves = {}
    for size in sizes:
        x = np.linspace(-1.2, 1.2, 25) / size**width
        y = size**-0.125 * (1 - np.tanh(x * size**width))
        curves[size] = (x, y + rng.normal(0, sd, x.size), np.full(x.size, sd))
    return curves


def test_exponents_of_an_exact_scaling_function_are_recovered_and_predict_held_out_sizes():
    result = fit_collapse(scaling_curves((8, 16, 32)), scaling_curves((64,), 1), (0.5, 0.0))
    assert result.width_exponent == pytest.approx(0.8, abs=0.05)
    assert result.value_exponent == pytest.approx(0.125, abs=0.02)
    assert result.held_out < 2
    assert result.unscaled > 5 * result.held_out


def test_curves_that_do_not_sharpen_need_no_width_exponent():
    result = fit_collapse(scaling_curves((8, 16, 32), width=0), scaling_curves((64,), 1, width=0))
    assert result.width_exponent == pytest.approx(0, abs=0.02)


def test_a_collapse_needs_two_sizes():
    with pytest.raises(ValueError, match="two sizes"):
        fit_collapse(scaling_curves((8,)), {})
