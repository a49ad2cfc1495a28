"""Sweeps of the weight decay up and down with warm starts, and what they say beside the closed forms."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from orderparam.analysis.slope_change import detect_slope_change
from orderparam.known_systems.deep_linear.landscape import Landscape, Task, closed_form, find_threshold
from orderparam.known_systems.deep_linear.net import Weights, descend, make_weights
from orderparam.tables import DEEP_LINEAR_SUMMARY, DEEP_LINEAR_SWEEP

Vector = NDArray[np.float64]

DEPTHS = (1, 2)
# Standard deviation of the first weights' entries: large enough for two hidden layers to leave zero.
_START = 0.3
# Kicks: standard deviation of the Gaussian added to every weight at each new gamma. The small one breaks the
# tie at zero, the large one crosses the barrier of two hidden layers.
SMALL_KICK, LARGE_KICK = 1e-3, 0.3
_NEAR = 0.1


def grid_of(task: Task, depth: int) -> Vector:
    """Values of gamma: coarse from 0.1 to 1.3 times the last transition, fine around each."""
    known = closed_form(task, depth)
    coarse = np.linspace(0.1, 1.3, 31) * known.spinodal
    fine = [np.linspace(0.9, 1.06, 33) * place for place in {known.gamma_c, known.spinodal}]
    return np.unique(np.round(np.concatenate([coarse, *fine]), 12))


def sweep(
    task: Task, depth: int, gammas: Vector, start: Weights, kick: float, rng: np.random.Generator
) -> tuple[pd.DataFrame, Weights]:
    """Gradient descent at each of `gammas` in turn, started from the last one's end plus the kick.

    Returns a table gamma, s (Frobenius norm of the last layer), steps, converged; and the last weights.
    """
    weights, rows = start, []
    for gamma in gammas:
        kicked = [matrix + rng.normal(0.0, kick, matrix.shape) for matrix in weights]
        end = descend(kicked, task, float(gamma))
        weights = end.weights
        rows.append((float(gamma), float(np.linalg.norm(weights[-1])), end.steps, end.converged))
    return pd.DataFrame(rows, columns=["gamma", "s", "steps", "converged"]), weights


def sweep_all(task: Task, width: int, seed: int) -> pd.DataFrame:
    """All sweeps and the global minimum of the reduced landscape: a tables.DEEP_LINEAR_SWEEP.

    `direction` is global_minimum, up or down; up sweeps start from random weights at the lowest gamma,
    down sweeps from where the up sweep ended. b is s / width. With two hidden layers there is a second
    down sweep, with the large kick; `kick` is NaN for the global minimum.
    """
    tables = []
    for depth in DEPTHS:
        rng = np.random.default_rng([seed, depth])
        gammas = grid_of(task, depth)
        landscape = Landscape(task, depth)
        exact = pd.DataFrame({"gamma": gammas, "s": [landscape.global_minimum(float(g)) for g in gammas]})
        start = make_weights(depth, width, _START, rng)
        up, top = sweep(task, depth, gammas, start, 0.0, rng)
        named = [("global_minimum", np.nan, exact), ("up", 0.0, up)]
        for kick in (SMALL_KICK, LARGE_KICK)[:depth]:
            down, _ = sweep(task, depth, gammas[::-1], top, kick, rng)
            named.append(("down", kick, down))
        tables += [table.assign(D=depth, direction=name, kick=kick) for name, kick, table in named]
    frame = pd.concat(tables, ignore_index=True)
    frame["converged"] = frame["converged"].astype("boolean")
    frame["steps"] = frame["steps"].astype("Int64")
    return frame.assign(b=frame["s"] / width)[list(DEEP_LINEAR_SWEEP.columns)]


def summarize(table: pd.DataFrame, task: Task, width: int) -> pd.DataFrame:
    """Measured transition points, jump and exponent beside the closed forms, as tables.DEEP_LINEAR_SUMMARY.

    `relative_deviation` is |measured - reference| / reference, NaN where the reference is 0 or there
    is none. Points from sweeps lie halfway between the last gamma on one side and the first on the other.
    """
    rows = [*_second_order(table, task), *_first_order(table, task, width)]
    rows += _as_seen_by_detector(table, task)
    frame = pd.DataFrame(rows, columns=["quantity", "measured", "reference"])
    with np.errstate(divide="ignore", invalid="ignore"):
        deviation = np.abs(frame["measured"] - frame["reference"]) / np.abs(frame["reference"])
    return frame.assign(relative_deviation=deviation.where(frame["reference"] != 0))[
        list(DEEP_LINEAR_SUMMARY.columns)
    ]


Row = tuple[str, float, float]


def _second_order(table: pd.DataFrame, task: Task) -> list[Row]:
    known, landscape = closed_form(task, 1), Landscape(task, 1)
    rows: list[Row] = [
        (
            "D=1 gamma_c of the landscape",
            find_threshold(landscape, 0.1 * known.gamma_c, 3 * known.gamma_c, True),
            known.gamma_c,
        )
    ]
    for direction in ("up", "down"):
        run = _run(table, 1, direction, 0.0 if direction == "up" else SMALL_KICK)
        distance = 1 - run["gamma"] / known.gamma_c
        near = run[(distance > 0.004) & (distance < _NEAR)]
        line = np.polyfit(near["gamma"], near["s"] ** 2, 1)
        gamma_c = float(-line[1] / line[0])
        exponent = np.polyfit(np.log(gamma_c - near["gamma"]), np.log(near["s"]), 1)[0]
        rows.append((f"D=1 gamma_c of the sweep {direction}", gamma_c, known.gamma_c))
        rows.append((f"D=1 exponent of the sweep {direction}", float(exponent), 0.5))
    return rows


def _first_order(table: pd.DataFrame, task: Task, width: int) -> list[Row]:
    known, landscape = closed_form(task, 2), Landscape(task, 2)
    low, high = 0.1 * known.gamma_c, 3 * known.gamma_c
    gamma_c = find_threshold(landscape, low, high, True)
    spinodal = find_threshold(landscape, low, high, False)
    jump = landscape.minima(gamma_c * (1 - 1e-9))[-1]
    up = _run(table, 2, "up", 0.0)
    stays = _run(table, 2, "down", SMALL_KICK)
    kicked = _run(table, 2, "down", LARGE_KICK).iloc[::-1]
    return [
        ("D=2 gamma_c of the landscape", gamma_c, known.gamma_c),
        ("D=2 jump of s at gamma_c", float(jump), known.jump),
        ("D=2 jump of b at gamma_c", float(jump) / width, known.jump / width),
        ("D=2 spinodal of the landscape", spinodal, known.spinodal),
        ("D=2 collapse of the sweep up", _last_ordered(up), known.spinodal),
        (f"D=2 largest s of the sweep down, kick {SMALL_KICK:g}", float(stays["s"].max()), 0.0),
        (f"D=2 return of the sweep down, kick {LARGE_KICK:g}", _last_ordered(kicked), np.nan),
    ]


def _as_seen_by_detector(table: pd.DataFrame, task: Task) -> list[Row]:
    rows: list[Row] = []
    for depth in DEPTHS:
        run = table[(table["D"] == depth) & (table["direction"] == "global_minimum")].sort_values("gamma")
        found = detect_slope_change(run["gamma"], run["b"])
        place = found.place if found.detected else np.nan
        kind = "jump" if found.is_jump else "slope"
        rows.append((f"D={depth} {kind} seen by the detector", place, closed_form(task, depth).gamma_c))
    return rows


def _run(table: pd.DataFrame, depth: int, direction: str, kick: float) -> pd.DataFrame:
    chosen = (table["D"] == depth) & (table["direction"] == direction) & (table["kick"] == kick)
    return table[chosen].sort_values("gamma")


def _last_ordered(run: pd.DataFrame) -> float:
    """Halfway between the largest gamma with s > 0 and the next; NaN if there is none."""
    ordered = run.sort_values("gamma")
    gammas = ordered["gamma"].tolist()
    places = np.flatnonzero(ordered["s"] > 0.05)
    if places.size == 0 or places[-1] + 1 == len(gammas):
        return float("nan")
    return float(gammas[places[-1]] + gammas[places[-1] + 1]) / 2


def measure_sweeps(a: float, c: float, width: int, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The tables of `sweep_all` and `summarize` for Task(a, c)."""
    task = Task(a, c)
    sweep = sweep_all(task, width, seed)
    return sweep, summarize(sweep, task, width)
