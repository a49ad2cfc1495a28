"""The tables of the Ising and Potts models: their columns, by file name. Temperatures are with k_B = 1."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from orderparam.records import read_table

POINT_COLUMNS = ("system", "length", "temperature", "field", "algorithm")
OBSERVABLE_COLUMNS = (
    *POINT_COLUMNS,
    "sites",
    "samples",
    "autocorrelation_time",
    "observable",
    "value",
    "error",
)
VALIDATION_COLUMNS = (*POINT_COLUMNS, "observable", "value", "error", "exact", "source", "z")
SUMMARY_COLUMNS = (
    "system",
    "observable",
    "count",
    "root_mean_square_z",
    "largest_z",
    "bonferroni_z",
    "beyond_3",
    "expected_beyond_3",
    "p_value",
    "agrees",
)
CRITICAL_COLUMNS = (
    "system",
    "estimate",
    "length",
    "double_length",
    "temperature",
    "error",
    "binder_cumulant",
    "p_value",
    "reference",
    "relative_deviation",
)
EXACT_COLUMNS = ("system", "length", "observable", "temperature", "value", "source")
HISTOGRAM_COLUMNS = ("states", "length", "energy", "density", "ordered_energy", "disordered_energy")
PHASE_COLUMNS = (
    "states",
    "length",
    "temperature",
    "samples",
    "passages",
    "phase",
    "peak_energy",
    "exact_energy",
    "valley_to_peak",
)
SNAPSHOT_COLUMNS = ("temperature", "row", "column", "spin")

COLUMNS = {
    "validation.csv": VALIDATION_COLUMNS,
    "validation_summary.csv": SUMMARY_COLUMNS,
    "critical.csv": CRITICAL_COLUMNS,
    "exact.csv": EXACT_COLUMNS,
    "potts_histogram.csv": HISTOGRAM_COLUMNS,
    "potts_phases.csv": PHASE_COLUMNS,
    "snapshots.parquet": SNAPSHOT_COLUMNS,
}


def read_observables(paths: Iterable[str | Path]) -> pd.DataFrame:
    """The measured points of several systems as one table with OBSERVABLE_COLUMNS."""
    return pd.concat([read_table(path, OBSERVABLE_COLUMNS) for path in paths], ignore_index=True)


def read_ising_table(path: str | Path) -> pd.DataFrame:
    """A table whose file name says which columns it must have; RecordError where it has others."""
    return read_table(path, COLUMNS[Path(path).name])
