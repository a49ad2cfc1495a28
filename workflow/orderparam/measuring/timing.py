"""Timings. What is compared is timed in turns, since a noisy machine may slow down in between."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np


def seconds_of(work: Callable[[], object]) -> float:
    """Wall-clock seconds that one call takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def summarise(seconds: Sequence[float]) -> dict[str, float]:
    """Count, median and quartiles of timings, as columns of the tables of throughput; NaN without timings."""
    lower, median, upper = np.quantile(seconds or [np.nan], [0.25, 0.5, 0.75])
    return {
        "repeats": len(seconds),
        "median_seconds": float(median),
        "lower_quartile_seconds": float(lower),
        "upper_quartile_seconds": float(upper),
    }
