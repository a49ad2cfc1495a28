"""Every table of the project: its path, its columns with their units, its key; reading and writing.

A table is known by the end of its path, so `read_table("results/paper/metrics.csv")` knows its columns.
A column that a file lacks, since it is older than the column, reads as NaN.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from orderparam.errors import RecordError
from orderparam.files import atomic_write, read_json, remedy


@dataclass(frozen=True)
class Table:
    """A kind of table: the end of its path (* for any name), its columns with their meanings, its key.

    `key` names the columns that tell rows apart, which no file may lack; empty where there are none.
    """

    path: str
    meanings: dict[str, str]
    key: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns, in the order of the file."""
        return tuple(self.meanings)

    @property
    def measured(self) -> tuple[str, ...]:
        """Names of the columns that are not of the key."""
        return tuple(name for name in self.meanings if name not in self.key)

    def frame(self, rows: Any) -> pd.DataFrame:
        """A DataFrame of exactly this table's columns, from a sequence of rows or a mapping of columns."""
        return pd.DataFrame(rows, columns=list(self.columns))

    def read(self, path: str | Path) -> pd.DataFrame:
        """Read a .csv or .parquet file of this kind, columns in this table's order.

        The columns `size` and `corpus` are read as text, whatever they hold; elsewhere an empty cell is NaN.
        Raises RecordError, naming the file, when it is missing or damaged, lacks a column of the key, has an
        unknown one, or other than numbers in a column of METRICS.
        """
        frame = _read_file(Path(path), self.columns)
        unknown = [name for name in frame.columns if name not in self.columns]
        missing = [name for name in self.key if name not in frame]
        if unknown or missing:
            raise RecordError(
                f"{path}: expected the columns {list(self.columns)}, found {list(frame.columns)}"
            )
        for name in frame.columns.intersection(list(METRICS.columns[1:])):
            if pd.api.types.is_numeric_dtype(frame[name]):
                continue
            filled = frame[name].dropna()
            others = filled[pd.to_numeric(filled, errors="coerce").isna()]
            if len(others):
                raise RecordError(
                    f"{path}: {name} must be a number in every row, found {str(others.iloc[0])!r:.80}"
                )
        return frame.reindex(columns=list(self.columns))


_SIZE = {"size": "name of the model entry"}
_RUN = {**_SIZE, "seed": "seed that names the run"}
_STEP = {"step": "updates made"}
_B = {"order_parameter": "b = norm_F(W_head) / d_model"}
_INTERVAL = {"lower": "lower end of the 95% interval", "upper": "upper end of the 95% interval"}
POINT = {
    "system": "1d, 2d, 3d or mean-field",
    "length": "side length, in sites; number of spins for the mean field",
    "temperature": "in units of J (z J for the mean field), k_B = 1",
    "field": "h, in units of J (z J for the mean field)",
    "algorithm": "how states are updated",
}
_VERDICT = {
    "id": "name of the claim",
    "claim": "what is claimed",
    "verdict": "supported, refuted, inconclusive, not tested at this scale or not detectable by this test",
    "statistic": "what the verdict follows from",
    "value": "the statistic's value",
    **_INTERVAL,
    "p_value": "two-sided, of the nearest bound of the claim; empty where it is exact or open",
    "file": "the table of the numbers",
    "note": "what else to know",
}
_WINDOWS = "cross-entropy of the n-gram predictor on the training windows that losses are taken over, nats"
_RATE = {
    "points": "points of a curve",
    "noise": "standard deviation of the noise, nats",
    "autocorrelation": "of neighbouring points",
    "curves": "number of curves",
    "detected": "curves with a detection",
    "rate": "share of curves with a detection",
    **_INTERVAL,
}

METRICS = Table(
    "metrics.csv",
    {
        **_RUN,
        **_STEP,
        **_B,
        "train_loss": "nats per character",
        "val_loss": "nats per character",
        "hidden_magnetization": "mean |h| of the residual stream before the final LayerNorm",
        "attention_excess": "attention mass on the previous token less uniform attention's, largest head",
        "value_output_norm": "norm_F(O V), summed over heads, of the layer where it is largest",
        "query_key_norm": "norm_F(Q^T K) / sqrt(d_model), largest head",
        "weight_decay": "strength in effect up to this step",
        "squared_norm": "sum of squares of the parameters that the weight decay acts on",
    },
    key=("size", "seed", "step"),
)
# Training writes it; verification copies it to metrics.csv.
TRAJECTORY = Table("trajectory.parquet", METRICS.meanings, METRICS.key)
STEPS = Table(
    "steps.parquet",
    {**_RUN, **_STEP, **_B, "batch_loss": "nats per character, on the batch of the next update"},
    key=("size", "seed", "step"),
)
VERIFICATION = Table(
    "verification.csv",
    {
        **_RUN,
        "parameters": "count",
        "order_parameter_difference": "largest relative difference from the trajectory",
        "loss_difference": "largest relative difference from the trajectory",
        "checkpoints": "count",
        "verified_checkpoints": "count of those whose losses were recomputed",
        **{f"window_entropy_{order}": _WINDOWS for order in (1, 2, 3)},
    },
    key=("size", "seed"),
)
# Relative differences that a verification lets pass.
TOLERANCES = {"order_parameter_difference": 1e-9, "loss_difference": 2e-5}
PROBES = Table(
    "probes.csv",
    {
        **_RUN,
        **_STEP,
        "quantity": "what is probed",
        "layer": "from 0; empty for what no layer has",
        "head": "from 0; empty for what no head has",
        "order": "of the n-gram predictor or singular value, or offset of the attended position",
        "value": "the probe's value",
    },
    key=("size", "seed", "step", "quantity", "layer", "head", "order"),
)
NGRAM_ENTROPIES = Table(
    "ngram_entropies.csv",
    {
        "order": "length n of the n-gram",
        "train_entropy": "plug-in conditional entropy of the training split, nats per character",
        "val_cross_entropy": "of the validation split, additive smoothing 0.1, nats per character",
    },
    key=("order",),
)
ENTROPIES = Table(
    "entropies.csv",
    {
        **_SIZE,
        "corpus": "text that the entry learns",
        **NGRAM_ENTROPIES.meanings,
        "window_entropy": f"{_WINDOWS}; of orders 1 to 3",
    },
    key=("size", "order"),
)
RUNS = Table(
    "runs.csv",
    {
        **_SIZE,
        "corpus": "text that the entry learns",
        "d_model": "channels",
        "n_head": "heads per layer",
        "n_layer": "layers",
        "attention": "causal, not_previous, uniform or ablated",
        "context": "tokens",
        "batch_size": "windows per step",
        "learning_rate": "at the beginning of a stage",
        "regularizer": "decoupled or l2",
        "weight_decay": "strength of the regularizer",
        "dropout": "probability",
        "steps": "updates",
        "start_from": "entry whose final weights are the initial ones",
    },
    key=("size",),
)
DERIVATIVE = Table(
    "derivative.csv",
    {
        **_RUN,
        **_STEP,
        **_B,
        "dloss_dorder": "backward difference of the training loss by b, nats",
        "interval": "steps that the difference spans",
    },
    key=("size", "seed", "step"),
)
COMPARISON = Table(
    "comparison.csv",
    {
        **_SIZE,
        **_STEP,
        "quantity": "column of metrics.csv",
        "published": "published value",
        "noise": "standard deviation of the published value as an estimate from samples",
        "runs": "number of runs",
        "mean": "of the runs",
        "standard_deviation": "of the runs",
        "lower": "lower end of the 95% prediction interval; empty below three runs",
        "upper": "upper end of the 95% prediction interval; empty below three runs",
        "inside": "whether the published value lies inside; empty below three runs",
    },
    key=("size", "step", "quantity"),
)
TRANSITION = Table(
    "transition.csv",
    {
        **_SIZE,
        "quantity": "what was estimated",
        "value": "mean over seeds",
        **_INTERVAL,
        "seeds": "number of seeds",
        "method": "how it was estimated, or why it was not",
    },
    key=("size", "quantity"),
)
LOSS_SLOPE = Table(
    "loss_slope.csv",
    {
        **_RUN,
        **_STEP,
        **_B,
        "train_loss": "nats per character",
        "dloss_dorder": "local slope of the training loss by b, nats",
        "dloss_dorder_error": "its standard error",
        "dloss_dlogstep": "local slope of the training loss by ln(step), nats",
        "dloss_dlogstep_error": "its standard error",
        "loss_dorder": "training loss of the fit along b, nats per character",
        "loss_dlogstep": "training loss of the fit along ln(step), nats per character",
    },
    key=("size", "seed", "step"),
)
SCALING = Table(
    "scaling.csv",
    {
        "loss": "column of metrics.csv",
        "sizes": "number of sizes",
        "exponent": "alpha of L = c N^-alpha",
        **_INTERVAL,
        "coefficient": "c, nats per character",
        "r_squared": "of the fit in logarithms",
    },
    key=("loss",),
)
SCALING_POINTS = Table(
    "scaling_points.csv",
    {
        **_SIZE,
        "parameters": "without embeddings",
        "seeds": "number of seeds",
        "train_loss": "last, nats per character",
        "val_loss": "last, nats per character",
        "least_val_loss": "nats per character",
        "late_fall": "relative fall of the training loss over the last fifth of the steps",
    },
    key=("size",),
)
SAMPLE_QUALITY = Table(
    "sample_quality.csv",
    {
        **_RUN,
        "checkpoint": "best (least validation loss) or last",
        **_STEP,
        "sample": "number of the sample",
        "quantity": "what was scored",
        "value": "the score",
    },
    key=("size", "seed", "checkpoint", "sample", "quantity"),
)
THROUGHPUT = Table(
    "throughput.csv",
    {
        **_SIZE,
        "implementation": "engine or plain",
        "quantity": "what was timed",
        "repeats": "number of timings",
        "median_seconds": "s",
        "lower_quartile_seconds": "s",
        "upper_quartile_seconds": "s",
        "tokens_per_second": "1/s",
        "flops": "floating-point operations",
        "compute_floor_seconds": "s, at the measured peak",
        "peak_share": "compute floor over median",
        "ratio_to_plain": "plain model's median over this one's",
    },
    key=("size", "implementation", "quantity"),
)
GPU_THROUGHPUT = Table(
    "gpu_throughput.csv",
    {
        **_SIZE,
        "seeds": "trained at once",
        "precision": "float32, tf32 or bf16",
        "graphs": "whether a CUDA graph holds the step",
        "compiled": "whether PyTorch compiled loss and backward pass",
        "interleaved": "whether the variants were timed in turns",
        "repeats": "number of timings",
        "median_seconds": "of a step",
        "lower_quartile_seconds": "of a step",
        "upper_quartile_seconds": "of a step",
        "tokens_per_second": "1/s",
        "evaluation_seconds": "of one measurement",
        "peak_memory_bytes": "on the device",
        "note": "what else to know",
    },
)
CLAIMS = Table("*/claims.csv", _VERDICT, key=("id",))
# The verdicts of several experiments in one table.
ALL_CLAIMS = Table(
    "results/claims.csv",
    {
        "role": "verdict, or further evidence on the claim above",
        "judged_on": "experiment",
        **_VERDICT,
        "p_holm": "of a verdict, after Holm's correction for all of the table",
    },
    key=("judged_on", "id"),
)

HMMT = Table(
    "hmmt.csv",
    {
        "model": "name",
        "setting": "no tools or python",
        "score": "per cent",
        "source": "where it is published",
        "secondary": "whether the source is a secondary one",
    },
    key=("model", "setting"),
)
PUBLISHED = Table(
    "order_parameter.csv",
    {
        **_SIZE,
        **_STEP,
        **_B,
        "train_loss": "nats per character",
        "val_loss": "nats per character",
        "hidden_magnetization": "mean |h| of the residual stream before the final LayerNorm",
        "source": "where it is published",
    },
    key=("size", "step"),
)
SLOPE_CHANGES = Table(
    "slope_changes.csv",
    {**_SIZE, **_STEP, **_B, "dloss_dorder": "nats", "source": "where it is published"},
    key=("size", "step"),
)

OBSERVABLES = Table(
    "ising/observables/*.csv",
    {
        **POINT,
        "sites": "number of spins",
        "samples": "one per sweep",
        "autocorrelation_time": "integrated, in sweeps",
        "observable": "per site where extensive",
        "value": "mean",
        "error": "standard error",
    },
    key=(*POINT, "observable"),
)
VALIDATION = Table(
    "validation.csv",
    {
        **POINT,
        "observable": "per site where extensive",
        "value": "mean",
        "error": "standard error",
        "exact": "exact value",
        "source": "of the exact value",
        "z": "(value - exact) / error",
    },
    key=(*POINT, "observable"),
)
VALIDATION_SUMMARY = Table(
    "validation_summary.csv",
    {
        "system": "1d, 2d, 3d, mean-field or all",
        "observable": "one, or all",
        "count": "values compared",
        "root_mean_square_z": "1 is expected",
        "largest_z": "in absolute value",
        "bonferroni_z": "bound that the largest should keep",
        "beyond_3": "values with |z| > 3",
        "expected_beyond_3": "by chance",
        "p_value": "binomial probability of as many beyond 3",
        "agrees": "whether the p-value is above its bound",
    },
    key=("system", "observable"),
)
CRITICAL = Table(
    "critical.csv",
    {
        "system": "1d, 2d, 3d or mean-field",
        "estimate": "crossing or extrapolation",
        "length": "shorter side",
        "double_length": "longer side",
        "temperature": "of the crossing",
        "error": "standard error",
        "binder_cumulant": "at the crossing",
        "p_value": "of the fit",
        "reference": "known critical temperature",
        "relative_deviation": "from the reference",
    },
)
EXACT = Table(
    "exact.csv",
    {
        "system": "1d, 2d or mean-field",
        "length": "side length; NaN for infinite systems",
        "observable": "per site where extensive",
        "temperature": "k_B = 1",
        "value": "exact",
        "source": "of the solution",
    },
)
POTTS_HISTOGRAM = Table(
    "potts_histogram.csv",
    {
        "states": "q",
        "length": "side length, in sites",
        "energy": "per site, middle of the bin",
        "density": "probability density",
        "ordered_energy": "exact, per site",
        "disordered_energy": "exact, per site",
    },
)
POTTS_PHASES = Table(
    "potts_phases.csv",
    {
        "states": "q",
        "length": "side length, in sites",
        "temperature": "of the transition",
        "samples": "one per sweep",
        "passages": "between the phases",
        "phase": "ordered or disordered",
        "peak_energy": "per site",
        "exact_energy": "per site",
        "valley_to_peak": "ratio of densities",
    },
)
SNAPSHOTS = Table(
    "snapshots.parquet", {"temperature": "k_B = 1", "row": "site", "column": "site", "spin": "-1 or 1"}
)
DEEP_LINEAR_SWEEP = Table(
    "sweep.csv",
    {
        "D": "hidden layers",
        "direction": "of the sweep, or global",
        "kick": "standard deviation of the noise added before a stage",
        "gamma": "weight decay",
        "s": "norm of the last layer",
        "b": "s over the width",
        "steps": "of gradient descent",
        "converged": "whether the gradient vanished",
    },
)
DEEP_LINEAR_SUMMARY = Table(
    "summary.csv",
    {
        "quantity": "what is known in closed form",
        "measured": "value",
        "reference": "closed form",
        "relative_deviation": "from the reference",
    },
    key=("quantity",),
)
RETRIEVAL = Table(
    "retrieval.csv",
    {
        "neurons": "count",
        "patterns": "count",
        "load": "patterns per neuron",
        "networks": "count",
        "retrieved": "networks that keep their pattern",
        "overlap": "mean",
        "overlap_error": "standard error",
    },
    key=("neurons", "patterns"),
)
CAPACITY = Table(
    "capacity.csv",
    {
        "estimate": "at one number of neurons, or extrapolated",
        "neurons": "count",
        "value": "load",
        **_INTERVAL,
    },
)
FALSE_POSITIVES = Table("false_positives.csv", {"curve": "shape of the smooth curve", **_RATE})
POWER = Table(
    "power.csv",
    {"curve": "shape of the smooth curve", "slope_change": "planted, in nats per range of b", **_RATE},
)

VOCABULARY_STATISTICS = Table(
    "vocabulary_statistics.csv",
    {
        **_RUN,
        **_STEP,
        "correct_words": "mean number a block of words that the training text holds",
        "incorrect_words": "mean number a block of other words",
        "distinct_words": "mean number a block",
        "correct_share": "of all words",
        "word_length": "characters",
        "dispersion": "variance over blocks of the number of correct words, over its mean",
    },
    key=("size", "seed", "step"),
)
# What only some training jobs have.
PARTIAL = (PROBES.path, SAMPLE_QUALITY.path, VOCABULARY_STATISTICS.path)
FINITE_SIZE = Table(
    "finite_size.csv",
    {
        "system": "and its observable",
        "extent": "side length, number of spins, or inf",
        "points": _RATE["points"],
        "noise": "standard deviation of the noise, as a share of the curve's range",
        **{key: _RATE[key] for key in ("curves", "detected", "rate")},
        **_INTERVAL,
        "evidence": "median difference in BIC of smooth less sharp curves",
        "steepest": "largest slope of the exact curve, in its range over that of the control parameter",
        "bend": "largest curvature of the exact curve, in the same units",
    },
    key=("system", "extent"),
)
FINITE_SIZE_COLLAPSE = Table(
    "finite_size_collapse.csv",
    {
        "system": "and its observable",
        "extent": "that was held out",
        "width_exponent": "of the size, that scales the distance from the critical point",
        "value_exponent": "of the size, that scales the observable",
        "held_out": "root mean square distance of the size held out, in standard errors",
        "unscaled": "the same with both exponents 0",
    },
    key=("system",),
)

# A path with a folder in it is looked at before a bare file name.
TABLES: tuple[Table, ...] = tuple(
    sorted(
        (value for value in list(globals().values()) if isinstance(value, Table)),
        key=lambda table: (-table.path.count("/"), "*" in table.path),
    )
)


def find_table(path: str | Path) -> Table:
    """The kind of table that lies at `path`, by the end of the path; KeyError if there is none."""
    for table in TABLES:
        if Path(path).match(table.path):
            return table
    raise KeyError(f"{path}: no table of this name is known to orderparam/tables.py")


def read_table(path: str | Path) -> pd.DataFrame:
    """Read a table whose path says of which kind it is; raises RecordError as `Table.read` does."""
    return find_table(path).read(path)


def read_tables(paths: Iterable[str | Path]) -> pd.DataFrame:
    """The rows of several tables of one kind, in their order, as one table."""
    return pd.concat([read_table(path) for path in paths], ignore_index=True)


def read_source(source: str | Path | Iterable[str | Path]) -> Any:
    """What a figure or page is made from: a table, the tables of a list as one, or what a JSON file holds."""
    if not isinstance(source, str | Path):
        return read_tables(source)
    return read_json(source) if Path(source).suffix == ".json" else read_table(source)


def write_table(frame: pd.DataFrame, path: str | Path) -> None:
    """Write a table as .csv (shortest round-trip floats) or .parquet, atomically, without index."""
    suffix = Path(path).suffix
    if suffix == ".csv":
        with atomic_write(path) as file:
            frame.to_csv(file, index=False, lineterminator="\n")
    elif suffix == ".parquet":
        with atomic_write(path, "wb") as file:
            frame.to_parquet(file, index=False, engine="pyarrow", compression="zstd")
    else:
        raise ValueError(f"{path}: a table is .csv or .parquet")


def collect_runs(paths: Sequence[str | Path], sizes: Sequence[str]) -> pd.DataFrame:
    """The tables of an experiment's training jobs as one, ordered by size (as in `sizes`), seed and step.

    Rows of one step keep their order. Raises RecordError when a size is not among `sizes`, or is missing from
    tables that are not PARTIAL, and when two rows have the same key.
    """
    table = find_table(paths[0])
    frame = read_tables(paths)
    found = set(frame["size"])
    if found - set(sizes) or (found != set(sizes) and table.path not in PARTIAL):
        raise RecordError(f"the runs' tables hold the sizes {sorted(found)}, expected {sorted(sizes)}")
    repeated = frame.duplicated(list(table.key))
    if repeated.any():
        first = frame.loc[repeated, list(table.key)].iloc[0].to_dict()
        raise RecordError(f"the runs' tables hold {first} more than once")
    rank = frame["size"].map({size: i for i, size in enumerate(sizes)})
    order = ["rank", *(name for name in ("seed", "step") if name in frame)]
    return frame.assign(rank=rank).sort_values(order, ignore_index=True, kind="stable").drop(columns="rank")


def find_entropies(table: pd.DataFrame, orders: Iterable[int], size: str | None = None) -> dict[int, float]:
    """Entropies (nats per character) by order, from an NGRAM_ENTROPIES or, of a `size`, an ENTROPIES.

    Where they are known, those of the very windows that training losses are taken over; else those of the
    training split. Raises RecordError if an order is missing.
    """
    rows = table if size is None else table[table["size"] == size]
    levels = rows["train_entropy"]
    if "window_entropy" in rows:
        levels = rows["window_entropy"].fillna(levels)
    entropies = dict(zip(rows["order"], levels, strict=True))
    missing = [order for order in orders if order not in entropies]
    if missing:
        whose = "" if size is None else f" of {size}"
        raise RecordError(
            f"the n-gram entropies{whose} lack order {missing[0]}; delete its corpus's ngram_entropies.csv"
        )
    return {order: float(entropies[order]) for order in orders}


def _read_file(path: Path, columns: Iterable[str]) -> pd.DataFrame:
    text = {name: str for name in ("size", "corpus") if name in columns}
    try:
        if path.suffix == ".parquet":
            return pd.read_parquet(path, engine="pyarrow")
        empty = {name: [""] for name in columns if name not in text}
        return pd.read_csv(path, dtype=text, keep_default_na=False, na_values=empty)
    except FileNotFoundError:
        raise RecordError(f"{path}: no such file") from None
    # Nested columns are no ValueError for pyarrow.
    except (OSError, ValueError, NotImplementedError) as error:
        raise RecordError(f"{path}: not a readable table ({error}); {remedy(path)}") from None
