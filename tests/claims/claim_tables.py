"""Tables of made-up experiments with known properties, for the tests of claims."""

import numpy as np
import pandas as pd

from orderparam.claims.evidence import Evidence
from orderparam.tables import find_table, write_table

H1, H2, H3 = 3.3, 2.45, 2.0


def entropies(*sizes):
    rows = [
        {"size": size, "corpus": "play", "order": n, "train_entropy": h, "val_cross_entropy": h}
        for size in sizes
        for n, h in ((1, H1), (2, H2), (3, H3))
    ]
    return pd.DataFrame(rows)


def metrics(curves, seeds=5, noise=0.0, steps=range(0, 20001, 500)):
    """`curves` maps a size to functions of the step for b, training and validation loss."""
    rng = np.random.default_rng(7)
    rows = []
    for size, (b, train, val) in curves.items():
        for seed in range(seeds):
            for step in steps:
                kick = noise * rng.normal(0, (0.05, 1, 1)) if noise else np.zeros(3)
                rows.append(
                    {
                        "size": size,
                        "seed": seed,
                        "step": step,
                        "order_parameter": b(step) * (1 + 0.01 * seed) + kick[0],
                        "train_loss": train(step) + 0.001 * seed + kick[1],
                        "val_loss": val(step) + kick[2],
                        "hidden_magnetization": 1.0,
                    }
                )
    return pd.DataFrame(rows)


def rising(step):
    return 0.1 + 0.05 * np.log1p(step / 500)


def falling(step):
    return 1.5 + 2.8 * np.exp(-step / 3000)


def slopes(size, steepness, loss, seeds=5, error=0.05):
    """Local slopes of equal runs: `steepness` and `loss` are arrays over steps 100, 200, ..."""
    rows = []
    for seed in range(seeds):
        for i, (steep, value) in enumerate(zip(steepness, loss, strict=True), start=1):
            wobble = 0.01 * np.sin(3 * seed + i)
            rows.append(
                {
                    "size": size,
                    "seed": seed,
                    "step": 100 * i,
                    "order_parameter": 0.1 + 0.001 * i,
                    "train_loss": value,
                    "dloss_dorder": -(steep + wobble),
                    "dloss_dorder_error": error,
                    "dloss_dlogstep": -(steep + wobble),
                    "dloss_dlogstep_error": error,
                }
            )
    return pd.DataFrame(rows)


def evidence(folder, shapes=None, **tables):
    """An Evidence of the tables, which are written below `folder`; columns that they lack are empty."""
    paths = []
    for name, table in tables.items():
        paths.append(folder / f"{name}.csv")
        columns = dict.fromkeys([*table, *find_table(paths[-1]).columns])
        write_table(table.reindex(columns=list(columns)), paths[-1])
    return Evidence(paths, shapes)
