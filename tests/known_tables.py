"""The tables from which the page of the known systems is made, with a row or two each."""

import pandas as pd

from orderparam.tables import CAPACITY, CRITICAL, DEEP_LINEAR_SUMMARY, FALSE_POSITIVES, FINITE_SIZE

NAN = float("nan")


def make_tables(deviation=-0.0002):
    critical = pd.DataFrame(
        [
            ("1d", "crossing", 8, 16, NAN, NAN, NAN, NAN, NAN, NAN),
            ("2d", "extrapolated", NAN, NAN, 2.2687, 0.0002, NAN, 0.5, 2.26919, deviation),
            ("3d", "extrapolated", NAN, NAN, 4.5083, 0.0003, NAN, 0.5, 4.51152, 0.0001),
        ],
        columns=list(CRITICAL.columns),
    )
    summary = pd.DataFrame([("gamma_c", 0.99, 1.0, -0.01)], columns=list(DEEP_LINEAR_SUMMARY.columns))
    capacity = pd.DataFrame([("extrapolated", NAN, 0.14, 0.13, 0.15)], columns=list(CAPACITY.columns))
    wrong = [("line", 40, 0.01, 0.0, 200, 4, 0.02, 0.0, 0.05)]
    columns = list(FALSE_POSITIVES.columns)
    extents = [(8.0, 0.01), (128.0, 0.4), (float("inf"), 1.0)]
    sizes = [("2d", extent, 60, 0.002, 200, 200 * rate, rate, 0, 1, -5, 1, 1) for extent, rate in extents]
    return {
        "ising": critical,
        "deep_linear": summary,
        "hopfield": capacity,
        "calibration": pd.DataFrame(wrong, columns=columns),
        "finite_size": pd.DataFrame(sizes, columns=list(FINITE_SIZE.columns)),
    }
