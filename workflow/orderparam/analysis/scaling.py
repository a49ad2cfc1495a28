"""A power law of the loss in the number of parameters, fitted to an experiment's sizes: a description only.

Kaplan et al. (arXiv 2001.08361) find L ~ N^-0.076 for models trained nearly to convergence, N from
about 10^3 to 10^9 non-embedding parameters. A few sizes after equally many steps cannot test that.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import scipy

from orderparam.tables import SCALING, SCALING_POINTS

LOSSES = ("train_loss", "val_loss", "least_val_loss")
_FEWEST_SIZES = 3
# Final values are means over this last share of the steps, and the late fall is that over twice as much.
_LAST = 0.1


def non_embedding_parameters(d_model: int, n_layer: int, attends: bool = True) -> int:
    """Parameters of the blocks and the final LayerNorm: without embeddings of tokens and positions, and head.

    12 d^2 + 10 d per block: LayerNorms 4 d, attention 4 d^2 + d (bias at its output only), MLP 8 d^2 + 5 d.
    """
    block = 8 * d_model**2 + 5 * d_model + 2 * d_model
    attention = 4 * d_model**2 + d_model + 2 * d_model if attends else 0
    return n_layer * (block + attention) + 2 * d_model


def count_parameters(run: Mapping[str, Any], characters: int) -> int:
    """All parameters of a run's model of `characters` tokens, as `estimate_parameters` has them.

    Raises ValueError for a model that this does not count: with attention that is uniform, or LayerNorms
    without parameters.
    """
    if run["attention"] == "uniform" or not run.get("norm_parameters", True):
        raise ValueError("parameters are counted of causal or ablated models whose LayerNorms have some")
    return estimate_parameters(run, characters)


def estimate_parameters(run: Mapping[str, Any], characters: int) -> int:
    """Parameters of a run's model, exact where attention is causal or ablated and LayerNorms have some.

    d (2 V + T) + V besides those of the blocks, V the tokens and T the context: embeddings d V and d T, head
    d V and its bias V.
    """
    d_model, attends = int(run["d_model"]), run["attention"] != "ablated"
    outside = d_model * (2 * characters + int(run["context"])) + characters
    return non_embedding_parameters(d_model, run["n_layer"], attends) + outside


def measure_points(metrics: pd.DataFrame, shapes: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """For each size its final losses (means over seeds, nats per character), as tables.SCALING_POINTS.

    `metrics` has size, seed, step, train_loss, val_loss; `shapes` each size's d_model, n_layer and
    attention. `late_fall` is the relative fall of the training loss over the last fifth of the steps, between
    means over its two halves.
    """
    rows = []
    for size, of_size in metrics.groupby("size", sort=False):
        shape = shapes[str(size)]
        last = of_size["step"].max()
        late = of_size[of_size["step"] >= (1 - _LAST) * last]
        between = of_size["step"].between((1 - 2 * _LAST) * last, (1 - _LAST) * last, inclusive="left")
        before = of_size[between]["train_loss"].mean()
        final = late["train_loss"].mean()
        attends = shape["attention"] != "ablated"
        parameters = non_embedding_parameters(shape["d_model"], shape["n_layer"], attends)
        least = of_size.groupby("seed")["val_loss"].min().mean()
        losses = final, late["val_loss"].mean(), least, 1 - final / before
        rows.append((size, parameters, of_size["seed"].nunique(), *losses))
    return SCALING_POINTS.frame(rows)


def fit_scaling(points: pd.DataFrame) -> pd.DataFrame:
    """Least-squares fits of L = c N^-alpha in logarithms, one per kind of loss, as tables.SCALING.

    Intervals are Student's 95% with as many degrees of freedom as sizes less 2. No rows for fewer
    than 3 distinct parameter counts.
    """
    rows = []
    if points["parameters"].nunique() >= _FEWEST_SIZES:
        x = np.log(points["parameters"].to_numpy(dtype=float))
        for loss in LOSSES:
            line = scipy.stats.linregress(x, np.log(points[loss].to_numpy(dtype=float)))
            half = scipy.stats.t.ppf(0.975, len(points) - 2) * line.stderr
            interval = -line.slope - half, -line.slope + half
            fit = -line.slope, *interval, np.exp(line.intercept), line.rvalue**2
            rows.append((loss, len(points), *fit))
    return SCALING.frame(rows)


def analyse_scaling(
    metrics: pd.DataFrame, runs: Mapping[str, Mapping[str, Any]]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The tables of `measure_points` and, over them, of `fit_scaling`."""
    points = measure_points(metrics, runs)
    return points, fit_scaling(points)
