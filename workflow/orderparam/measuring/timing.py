"""Timings. What is compared is timed in turns, since a noisy machine may slow down in between."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np

MIN_REPEATS, MAX_REPEATS = 3, 25


def seconds_of(work: Callable[[], object]) -> float:
    """Wall-clock seconds that one call takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def time_in_turns(works: Sequence[Callable[[], object]], seconds: float) -> list[list[float]]:
    """Seconds of each work in 3 to 25 rounds, as many as fit into `seconds`, after one round as warm-up."""
    for work in works:
        work()
    deadline = time.perf_counter() + seconds
    rounds: list[list[float]] = []
    while len(rounds) < MIN_REPEATS or (len(rounds) < MAX_REPEATS and time.perf_counter() < deadline):
        rounds.append([seconds_of(work) for work in works])
    return [list(timed) for timed in zip(*rounds, strict=True)]


def summarise(seconds: Sequence[float], tokens: float) -> dict[str, float]:
    """Columns of the tables of throughput, for timings of so many tokens each; NaN without timings."""
    lower, median, upper = (float(each) for each in np.quantile(seconds or [np.nan], [0.25, 0.5, 0.75]))
    return {
        "repeats": len(seconds),
        "median_seconds": median,
        "lower_quartile_seconds": lower,
        "upper_quartile_seconds": upper,
        "tokens_per_second": tokens / median,
    }
