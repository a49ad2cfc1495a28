"""Smooth curves of many freedoms, as linear spaces: what a change of slope has to be told from."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import BSpline

Vector = NDArray[np.float64]

_DEGREES = (1, 2, 3, 4, 5)
_KNOTS = (1, 2, 3, 4, 6, 8, 12)
# Offsets, in units of the range, of the logarithms in which steep beginnings (exponentials, power laws) are
# slowly varying.
_OFFSETS = (0.003, 0.01, 0.03, 0.1, 0.3)
_LOG_KNOTS = (0, 1, 2, 4, 8)


def smooth_spaces(x: Vector) -> Iterator[Vector]:
    """Bases (n, p) of spaces of smooth functions on `x` (n,), which increases from 0 to 1.

    Polynomials up to degree 5; cubic regression splines with up to 12 inner knots at quantiles of `x`;
    and linear functions and cubic splines of log(x + offset). A space of more than n / 3 dimensions is
    left out, since measured points must outnumber what they determine.
    """
    most = x.size / 3
    for degree in _DEGREES:
        yield np.vander(2 * x - 1, degree + 1)
    for knots in _KNOTS:
        if knots + 4 <= most:
            yield _cubic_splines(x, knots)
    for offset in _OFFSETS:
        stretched = np.log((x + offset) / offset) / np.log((1 + offset) / offset)
        yield np.vander(2 * stretched - 1, 2)
        for knots in _LOG_KNOTS:
            if knots + 4 <= most:
                yield _cubic_splines(stretched, knots)


def _cubic_splines(x: Vector, knots: int) -> Vector:
    inner = np.quantile(x, np.linspace(0, 1, knots + 2)[1:-1])
    all_knots = np.concatenate([np.zeros(4), inner, np.ones(4)])
    return np.asarray(BSpline.design_matrix(np.clip(x, 0, 1), all_knots, 3).toarray())
