"""Measured against exact: z-scores of all points with a known answer, and whether chance explains them."""

from __future__ import annotations

from typing import cast

import numpy as np
import pandas as pd
from scipy.stats import binomtest, norm

from orderparam.known_systems.ising.reference import exact_values
from orderparam.tables import POINT, VALIDATION, VALIDATION_SUMMARY

BEYOND = 3.0
SIGNIFICANCE = 0.01
ALL = "all"


def compare_with_exact(observables: pd.DataFrame) -> pd.DataFrame:
    """z = (measured - exact) / error wherever an exact value is known; a tables.VALIDATION.

    `observables` is a tables.OBSERVABLES.
    """
    rows = []
    for point, measured in observables.groupby(list(POINT), sort=False):
        system, length, temperature, field, _ = cast(tuple[str, int, float, float, str], point)
        known, source = exact_values(system, int(length), temperature, field)
        names = [str(name) for name in measured["observable"]]
        numbers = measured[["value", "error"]].to_numpy(dtype=np.float64)
        for name, (value, error) in zip(names, numbers, strict=True):
            if name not in known:
                continue
            deviation = value - known[name]
            # Without any fluctuation there is no error to compare with.
            z = deviation / error if error > 0 else (0.0 if abs(deviation) < 1e-9 else np.inf)
            rows.append((*point, name, value, error, known[name], source, z))
    return VALIDATION.frame(rows)


def summarise_validation(validation: pd.DataFrame) -> pd.DataFrame:
    """One row for each system, each observable, and all; a tables.VALIDATION_SUMMARY.

    `p_value` is the one-sided binomial probability of so many |z| > 3 or more, of which chance has a share
    of 0.27%; observables of one point are correlated, so that for groups of several it is approximate.
    `bonferroni_z` is the |z| that one of `count` passes with a probability of 1%. `agrees` says that p is at
    least 1% and no |z| beyond Bonferroni's.
    """
    groups: list[tuple[str, str, pd.DataFrame]] = [
        *((str(name), ALL, group) for name, group in validation.groupby("system", sort=False)),
        *((ALL, str(name), group) for name, group in validation.groupby("observable", sort=False)),
        (ALL, ALL, validation),
    ]
    share = float(2 * norm.sf(BEYOND))
    rows = []
    for system, observable, group in groups:
        z = group["z"].abs().to_numpy(dtype=np.float64)
        count, largest, beyond = len(z), float(z.max()), int((z > BEYOND).sum())
        root_mean_square = float(np.sqrt(np.mean(z**2)))
        p_value = float(binomtest(beyond, count, share, alternative="greater").pvalue)
        limit = float(norm.isf(SIGNIFICANCE / (2 * count)))
        agrees = bool(p_value >= SIGNIFICANCE and largest <= limit)
        judged = (beyond, share * count, p_value, agrees)
        rows.append((system, observable, count, root_mean_square, largest, limit, *judged))
    return VALIDATION_SUMMARY.frame(rows)
