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
VERIFICATION_COLUMNS = (
    "size",
    "seed",
    "parameters",
    "order_parameter_difference",
    "loss_difference",
    "checkpoints",
    "verified_checkpoints",
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


def collect_metrics(tables: Sequence[pd.DataFrame], sizes: Sequence[str]) -> pd.DataFrame:
    """All rows of `tables`, ordered by size (as in `sizes`), then seed, then step.

    Losses are in nats per character. Raises RecordError when a size is missing or not among `sizes`,
    or when a size, seed and step appears twice.
    """
    frame = pd.concat(tables, ignore_index=True)
    found = set(frame["size"])
    if found != set(sizes):
        raise RecordError(f"the runs' tables hold the sizes {sorted(found)}, expected {sorted(sizes)}")
    key = ["size", "seed", "step"]
    if frame.duplicated(key).any():
        first = frame.loc[frame.duplicated(key), key].iloc[0].to_dict()
        raise RecordError(f"the runs' tables hold {first} more than once")
    rank = frame["size"].map({size: i for i, size in enumerate(sizes)})
    frame = frame.assign(rank=rank).sort_values(["rank", "seed", "step"], ignore_index=True)
    return frame[list(METRICS_COLUMNS)]
