import pandas as pd
import pytest

from orderparam.errors import RecordError
from orderparam.metrics import METRICS_COLUMNS, collect_rows


def rows(size, seed, steps):
    return pd.DataFrame(
        {
            "size": size,
            "seed": seed,
            "step": steps,
            "order_parameter": 0.1,
            "train_loss": 2.0,
            "val_loss": 2.1,
            "hidden_magnetization": 1.0,
        }
    )


def test_rows_are_ordered_as_the_experiment_lists_its_sizes():
    tables = [rows("10M", 2, [10, 0]), rows("0.1M", 1, [0]), rows("10M", 1, [0]), rows("10K", 10, [0])]
    table = collect_rows([*tables, rows("10K", 9, [0])], ["10K", "0.1M", "10M"])
    assert tuple(table.columns) == METRICS_COLUMNS
    assert list(table[["size", "seed", "step"]].itertuples(index=False, name=None)) == [
        ("10K", 9, 0),
        ("10K", 10, 0),
        ("0.1M", 1, 0),
        ("10M", 1, 0),
        ("10M", 2, 0),
        ("10M", 2, 10),
    ]


def test_a_missing_size_and_a_repeated_row_are_errors():
    with pytest.raises(RecordError, match="10M"):
        collect_rows([rows("10K", 1, [0])], ["10K", "10M"])
    with pytest.raises(RecordError, match="more than once"):
        collect_rows([rows("10K", 1, [0]), rows("10K", 1, [0])], ["10K"])
