"""The columns of each table that figures are drawn from, by the table's file name."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from orderparam.deep_linear.columns import SWEEP_COLUMNS
from orderparam.derivative import DERIVATIVE_COLUMNS
from orderparam.metrics import (
    CAPACITY_COLUMNS,
    COMPARISON_COLUMNS,
    ENTROPY_COLUMNS,
    METRICS_COLUMNS,
    PROBE_COLUMNS,
    RETRIEVAL_COLUMNS,
    RUNS_COLUMNS,
    SCALING_COLUMNS,
    SCALING_POINT_COLUMNS,
    THROUGHPUT_COLUMNS,
)
from orderparam.ngrams import COLUMNS as NGRAM_COLUMNS
from orderparam.records import read_table
from orderparam.transition.columns import (
    FALSE_POSITIVES_COLUMNS,
    LOSS_SLOPE_COLUMNS,
    POWER_COLUMNS,
    SUSCEPTIBILITY_COLUMNS,
    TRANSITION_COLUMNS,
)

TABLE_COLUMNS = {
    "metrics.csv": METRICS_COLUMNS,
    "probes.csv": PROBE_COLUMNS,
    "entropies.csv": ENTROPY_COLUMNS,
    "runs.csv": RUNS_COLUMNS,
    "comparison.csv": COMPARISON_COLUMNS,
    "derivative.csv": DERIVATIVE_COLUMNS,
    "ngram_entropies.csv": NGRAM_COLUMNS,
    "hmmt.csv": ("model", "setting", "score", "source", "secondary"),
    "throughput.csv": THROUGHPUT_COLUMNS,
    "sweep.csv": SWEEP_COLUMNS,
    "false_positives.csv": FALSE_POSITIVES_COLUMNS,
    "power.csv": POWER_COLUMNS,
    "transition.csv": TRANSITION_COLUMNS,
    "loss_slope.csv": LOSS_SLOPE_COLUMNS,
    "susceptibility.csv": SUSCEPTIBILITY_COLUMNS,
    "retrieval.csv": RETRIEVAL_COLUMNS,
    "capacity.csv": CAPACITY_COLUMNS,
    "scaling.csv": SCALING_COLUMNS,
    "scaling_points.csv": SCALING_POINT_COLUMNS,
    "order_parameter.csv": ("size", "step", "order_parameter", "train_loss", "source"),
    "slope_changes.csv": ("size", "step", "order_parameter", "dloss_dorder", "source"),
}


def read_known_table(path: str | Path) -> pd.DataFrame:
    """Read a table whose file name says which columns it must have; raises RecordError otherwise."""
    return read_table(path, TABLE_COLUMNS[Path(path).name])
