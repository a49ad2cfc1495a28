"""The tidy table of an experiment: one row per size, seed and measured step."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from orderparam.errors import RecordError

METRICS_COLUMNS = (
    "size",
    "seed",
    "step",
    "order_parameter",
    "train_loss",
    "val_loss",
    "hidden_magnetization",
)
STEP_COLUMNS = ("size", "seed", "step", "order_parameter", "batch_loss")
RUN_KEY = ("size", "seed", "step")
PROBE_KEY = (*RUN_KEY, "quantity", "layer", "head", "order")
PROBE_COLUMNS = (*PROBE_KEY, "value")
VERIFICATION_COLUMNS = (
    "size",
    "seed",
    "parameters",
    "order_parameter_difference",
    "loss_difference",
    "checkpoints",
    "verified_checkpoints",
)
ENTROPY_COLUMNS = ("size", "corpus", "order", "train_entropy", "val_cross_entropy")
RUNS_COLUMNS = (
    "size",
    "corpus",
    "d_model",
    "n_head",
    "n_layer",
    "attention",
    "context",
    "batch_size",
    "learning_rate",
    "regularizer",
    "weight_decay",
    "dropout",
    "steps",
    "start_from",
)
COMPARISON_COLUMNS = (
    "size",
    "step",
    "quantity",
    "published",
    "runs",
    "mean",
    "standard_deviation",
    "lower",
    "upper",
    "inside",
)
THROUGHPUT_COLUMNS = (
    "size",
    "implementation",
    "quantity",
    "repeats",
    "median_seconds",
    "lower_quartile_seconds",
    "upper_quartile_seconds",
    "tokens_per_second",
    "flops",
    "bytes",
    "compute_floor_seconds",
    "memory_floor_seconds",
    "peak_share",
    "ratio_to_plain",
)
RETRIEVAL_COLUMNS = ("neurons", "patterns", "load", "networks", "retrieved", "overlap", "overlap_error")
CAPACITY_COLUMNS = ("estimate", "neurons", "value", "lower", "upper")
SCALING_COLUMNS = ("loss", "sizes", "exponent", "lower", "upper", "coefficient", "r_squared")
SCALING_POINT_COLUMNS = (
    "size",
    "parameters",
    "seeds",
    "train_loss",
    "val_loss",
    "least_val_loss",
    "late_fall",
)
SAMPLE_QUALITY_COLUMNS = ("size", "seed", "checkpoint", "step", "sample", "quantity", "value")


def collect_rows(
    tables: Sequence[pd.DataFrame], sizes: Sequence[str], key: Sequence[str] = RUN_KEY
) -> pd.DataFrame:
    """All rows of the tables of an experiment's runs, ordered by size (as in `sizes`), seed and step, if any.

    Rows of one step keep their order. Losses are in nats per character. Raises RecordError when a size
    is missing or not among `sizes`, or when two rows have the same values in the columns of `key`.
    """
    frame = pd.concat(tables, ignore_index=True)
    found = set(frame["size"])
    if found != set(sizes):
        raise RecordError(f"the runs' tables hold the sizes {sorted(found)}, expected {sorted(sizes)}")
    if frame.duplicated(list(key)).any():
        first = frame.loc[frame.duplicated(list(key)), list(key)].iloc[0].to_dict()
        raise RecordError(f"the runs' tables hold {first} more than once")
    rank = frame["size"].map({size: i for i, size in enumerate(sizes)})
    order = ["rank", *(name for name in RUN_KEY[1:] if name in frame)]
    return frame.assign(rank=rank).sort_values(order, ignore_index=True, kind="stable").drop(columns="rank")
