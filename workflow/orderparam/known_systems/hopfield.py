"""Retrieval in Hopfield networks of growing load, and the load at which it breaks down."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize, minimize_scalar
from scipy.special import expit

from orderparam.known_systems.kernels import compiled
from orderparam.tables import CAPACITY, RETRIEVAL

Vector = NDArray[np.float64]
Single = NDArray[np.float32]

# The overlap jumps from 0.97 to about 0.35 at alpha_c: what is above counts as retrieved.
RETRIEVED = 0.7
_MAX_SWEEPS = 100
_RESAMPLES = 400


def retrieve(patterns: NDArray[np.int8], rng: np.random.Generator) -> float:
    """Overlap m with the first of `patterns` (P, N; +-1) of the fixed point reached from that pattern.

    Hebbian couplings J_ij = sum_mu xi_i xi_j / N without self-coupling; zero temperature, neurons updated
    one after the other in a new random order each sweep, until none changes (at most 100 sweeps). Each
    flip lowers the energy, so a fixed point is reached.
    """
    xi = patterns.astype(np.float32)
    neurons = xi.shape[1]
    couplings = xi.T @ xi
    np.fill_diagonal(couplings, 0.0)
    # Sums of whole numbers below 2^24 are exact in single precision.
    state = xi[0].copy()
    _relax(couplings, state, couplings @ state, int(rng.integers(2**31)), _MAX_SWEEPS)
    return float(state @ xi[0] / neurons)


@compiled
def _relax(couplings: Single, state: Single, fields: Single, seed: int, sweeps: int) -> None:
    """Align each neuron with its field in turn until all are; `couplings` (N, N) are J times N."""
    np.random.seed(seed)  # noqa: NPY002
    for _ in range(sweeps):
        changed = False
        for i in np.random.permutation(state.size):  # noqa: NPY002
            if fields[i] * state[i] < 0:
                state[i] = -state[i]
                fields += 2 * state[i] * couplings[i]
                changed = True
        if not changed:
            break


def measure_retrieval(neurons: int, loads: Iterable[float], networks: int, seed: int) -> pd.DataFrame:
    """Overlaps of retrieval at each load, as tables.RETRIEVAL, from that many independent networks per point.

    `load` is that of the whole number of patterns, `retrieved` how many networks end with an overlap above
    0.7.
    """
    rows = []
    for load in loads:
        count = max(1, round(load * neurons))
        # A stream of its own, so that a point does not depend on which others are measured.
        rng = np.random.default_rng([seed, neurons, count])
        overlaps = np.array([retrieve(_draw(rng, count, neurons), rng) for _ in range(networks)])
        error = float(overlaps.std(ddof=1) / np.sqrt(networks)) if networks > 1 else np.nan
        retrieved = int(np.sum(overlaps > RETRIEVED))
        mean = float(overlaps.mean())
        rows.append((neurons, count, count / neurons, networks, retrieved, mean, error))
    return RETRIEVAL.frame(rows)


def estimate_capacity(retrieval: pd.DataFrame, seed: int) -> pd.DataFrame:
    """The load at which half of the networks retrieve, for each number of neurons and for infinitely many.

    The most likely logistic curve of each size gives its load (`half`). A fit of alpha_c + A N^-p to these, p
    free from 0.2 to 2, gives the `extrapolated` load and the `exponent` p. Intervals are 95%, by
    resampling the networks. At least 4 sizes are needed.
    """
    sizes = sorted(int(size) for size in retrieval["neurons"].unique())
    rng = np.random.default_rng(seed)
    groups = [retrieval[retrieval["neurons"] == size] for size in sizes]
    best = np.array([_half_load(group["load"], group["retrieved"], group["networks"]) for group in groups])
    resampled = np.array([[_resample(group, rng) for group in groups] for _ in range(_RESAMPLES)])
    error = np.maximum(resampled.std(axis=0, ddof=1), 1e-6)
    rows: list[tuple[str, float, float, float, float]] = [
        ("half", size, value, *np.quantile(resampled[:, i], [0.025, 0.975]).tolist())
        for i, (size, value) in enumerate(zip(sizes, best.tolist(), strict=True))
    ]
    fits = np.array([_extrapolate(np.array(sizes, dtype=float), loads, error) for loads in resampled])
    fitted = _extrapolate(np.array(sizes, dtype=float), best, error)
    for i, name in enumerate(("extrapolated", "exponent")):
        rows.append((name, np.nan, fitted[i], *np.quantile(fits[:, i], [0.025, 0.975]).tolist()))
    table = CAPACITY.frame(rows)
    return table.astype({"neurons": "Int64"})


def _draw(rng: np.random.Generator, count: int, neurons: int) -> NDArray[np.int8]:
    return (2 * rng.integers(0, 2, (count, neurons), dtype=np.int8) - 1).astype(np.int8)


def _extrapolate(neurons: Vector, loads: Vector, error: Vector) -> tuple[float, float]:
    """Constant and exponent of the weighted fit of alpha_c + A N^-p."""

    def line(exponent: float) -> tuple[Vector, float]:
        design = np.column_stack([np.ones_like(neurons), neurons**-exponent]) / error[:, None]
        found = np.linalg.lstsq(design, loads / error, rcond=None)[0]
        return np.asarray(found, dtype=np.float64), float(np.sum((design @ found - loads / error) ** 2))

    exponent = float(minimize_scalar(lambda p: line(p)[1], bounds=(0.2, 2.0), method="bounded").x)
    return float(line(exponent)[0][0]), exponent


def _resample(group: pd.DataFrame, rng: np.random.Generator) -> float:
    """The half load of as many networks again, drawn with the measured shares."""
    hits = rng.binomial(group["networks"], group["retrieved"] / group["networks"])
    return _half_load(group["load"], hits, group["networks"])


def _half_load(loads: pd.Series, retrieved: ArrayLike, networks: pd.Series) -> float:
    """Load at which the logistic curve of greatest binomial likelihood is 1/2."""
    x, hits, total = (np.asarray(values, dtype=float) for values in (loads, retrieved, networks))
    shares = hits / total
    order = np.argsort(x)
    start = float(np.interp(-0.5, -shares[order], x[order]))

    def deviance(parameters: Vector) -> float:
        p = np.clip(expit((parameters[0] - x) / np.exp(parameters[1])), 1e-9, 1 - 1e-9)
        return -float(np.sum(hits * np.log(p) + (total - hits) * np.log1p(-p)))

    bounds = [(x.min(), x.max()), (np.log(1e-3), np.log(0.2))]
    return float(minimize(deviance, (start, np.log(0.01)), bounds=bounds).x[0])


def measure_networks(sizes: Sequence[Mapping[str, Any]], seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The tables of `measure_retrieval` and `estimate_capacity`.

    Each of `sizes` has a number of `neurons`, the `networks` per point and the `loads`.
    """
    tables = [measure_retrieval(**size, seed=seed) for size in sizes]
    retrieval = pd.concat(tables, ignore_index=True)
    return retrieval, estimate_capacity(retrieval, seed)
