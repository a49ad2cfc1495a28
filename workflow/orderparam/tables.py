"""What figures and verdicts come from: tables, whose files' names say which columns they have, and JSON."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from orderparam.deep_linear.columns import SUMMARY_COLUMNS as DEEP_LINEAR_COLUMNS
from orderparam.deep_linear.columns import SWEEP_COLUMNS
from orderparam.derivative import DERIVATIVE_COLUMNS
from orderparam.ising.columns import (
    CRITICAL_COLUMNS,
    EXACT_COLUMNS,
    HISTOGRAM_COLUMNS,
    OBSERVABLE_COLUMNS,
    PHASE_COLUMNS,
    SNAPSHOT_COLUMNS,
    SUMMARY_COLUMNS,
    VALIDATION_COLUMNS,
)
from orderparam.metrics import (
    CAPACITY_COLUMNS,
    COMPARISON_COLUMNS,
    ENTROPY_COLUMNS,
    METRICS_COLUMNS,
    PROBE_COLUMNS,
    RETRIEVAL_COLUMNS,
    RUNS_COLUMNS,
    SAMPLE_QUALITY_COLUMNS,
    SCALING_COLUMNS,
    SCALING_POINT_COLUMNS,
    THROUGHPUT_COLUMNS,
    VERIFICATION_COLUMNS,
)
from orderparam.ngrams import COLUMNS as NGRAM_COLUMNS
from orderparam.records import read_json, read_table
from orderparam.transition.columns import (
    FALSE_POSITIVES_COLUMNS,
    LOSS_SLOPE_COLUMNS,
    POWER_COLUMNS,
    SUSCEPTIBILITY_COLUMNS,
    TRANSITION_COLUMNS,
)

# By the end of the table's path, * standing for any name.
TABLE_COLUMNS = {
    "metrics.csv": METRICS_COLUMNS,
    "probes.csv": PROBE_COLUMNS,
    "entropies.csv": ENTROPY_COLUMNS,
    "runs.csv": RUNS_COLUMNS,
    "comparison.csv": COMPARISON_COLUMNS,
    "verification.csv": VERIFICATION_COLUMNS,
    "sample_quality.csv": SAMPLE_QUALITY_COLUMNS,
    "derivative.csv": DERIVATIVE_COLUMNS,
    "ngram_entropies.csv": NGRAM_COLUMNS,
    "hmmt.csv": ("model", "setting", "score", "source", "secondary"),
    "throughput.csv": THROUGHPUT_COLUMNS,
    "sweep.csv": SWEEP_COLUMNS,
    "summary.csv": DEEP_LINEAR_COLUMNS,
    "false_positives.csv": FALSE_POSITIVES_COLUMNS,
    "power.csv": POWER_COLUMNS,
    "transition.csv": TRANSITION_COLUMNS,
    "loss_slope.csv": LOSS_SLOPE_COLUMNS,
    "susceptibility.csv": SUSCEPTIBILITY_COLUMNS,
    "retrieval.csv": RETRIEVAL_COLUMNS,
    "capacity.csv": CAPACITY_COLUMNS,
    "scaling.csv": SCALING_COLUMNS,
    "scaling_points.csv": SCALING_POINT_COLUMNS,
    "ising/observables/*.csv": OBSERVABLE_COLUMNS,
    "validation.csv": VALIDATION_COLUMNS,
    "validation_summary.csv": SUMMARY_COLUMNS,
    "critical.csv": CRITICAL_COLUMNS,
    "exact.csv": EXACT_COLUMNS,
    "potts_histogram.csv": HISTOGRAM_COLUMNS,
    "potts_phases.csv": PHASE_COLUMNS,
    "snapshots.parquet": SNAPSHOT_COLUMNS,
    "order_parameter.csv": ("size", "step", "order_parameter", "train_loss", "source"),
    "slope_changes.csv": ("size", "step", "order_parameter", "dloss_dorder", "source"),
}


def known_columns(path: str | Path) -> tuple[str, ...]:
    """The columns of a table, by the name of its file."""
    (columns,) = (columns for end, columns in TABLE_COLUMNS.items() if Path(path).match(end))
    return columns


def read_known_table(path: str | Path) -> pd.DataFrame:
    """Read a table whose file name says which columns it must have; raises RecordError otherwise."""
    return read_table(path, known_columns(path))


def read_known_tables(paths: Iterable[str | Path]) -> pd.DataFrame:
    """The rows of several tables of one kind, in their order, as one table."""
    return pd.concat([read_known_table(path) for path in paths], ignore_index=True)


def read_source(source: str | Path | Iterable[str | Path]) -> Any:
    """An input of a figure: a table, the tables of a list as one, or what a JSON file holds."""
    if not isinstance(source, str | Path):
        return read_known_tables(source)
    return read_json(source) if Path(source).suffix == ".json" else read_known_table(source)
