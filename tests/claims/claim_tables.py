"""Tables of made-up experiments with known properties, for the tests of claims."""

import numpy as np
import pandas as pd

from orderparam.claims.evidence import Evidence
from orderparam.claims.judge import judge_claims
from orderparam.claims.ledger import Claim
from orderparam.tables import find_table, write_table

H1, H2, H3 = 3.3, 2.45, 2.0


def judge(test, found, **arguments):
    claim = Claim("planted", "A claim.", "made up", test, arguments, ("any",), ())
    return judge_claims([claim], found).iloc[0]


def verdict(test, found, **arguments):
    return judge(test, found, **arguments)["verdict"]


def write_evidence(folder, shapes=None, published=False, **tables):
    """An Evidence of the tables, which are written below `folder`; columns that they lack are empty.

    A table is a DataFrame or a list of rows, each a mapping.
    """
    paths = []
    for name, table in tables.items():
        frame = pd.DataFrame(table)
        paths.append(folder / f"{name}.csv")
        columns = dict.fromkeys([*frame, *find_table(paths[-1]).columns])
        write_table(frame.reindex(columns=list(columns)), paths[-1])
    return Evidence(paths, shapes, published)


def entropies(*sizes):
    levels = {"order": [1, 2, 3], "train_entropy": [H1, H2, H3], "val_cross_entropy": [H1, H2, H3]}
    return pd.concat([pd.DataFrame({"size": size, "corpus": "play", **levels}) for size in sizes])


def metrics(curves, seeds=5, noise=0.0, steps=range(0, 20001, 500)):
    """`curves` maps a size to functions of the step for b, training and validation loss."""
    rng = np.random.default_rng(7)
    tables = []
    for size, functions in curves.items():
        for seed in range(seeds):
            b, train, val = (np.array([function(step) for step in steps]) for function in functions)
            kicks = noise * rng.normal(0, (0.05, 1, 1), (len(steps), 3))
            values = {
                "order_parameter": b * (1 + 0.01 * seed) + kicks[:, 0],
                "train_loss": train + 0.001 * seed + kicks[:, 1],
                "val_loss": val + kicks[:, 2],
            }
            tables.append(pd.DataFrame({"size": size, "seed": seed, "step": steps, **values}))
    return pd.concat(tables, ignore_index=True)


def rising(step):
    return 0.1 + 0.05 * np.log1p(step / 500)


def falling(step):
    return 1.5 + 2.8 * np.exp(-step / 3000)


def loss_slopes(size, steepness, loss, seeds=5, error=0.05):
    """Local slopes of equal runs: `steepness` and `loss` are arrays over steps 100, 200, ..."""
    place = np.arange(1, len(loss) + 1)
    tables = []
    for seed in range(seeds):
        slope = -(steepness + 0.01 * np.sin(3 * seed + place))
        values = {"step": 100 * place, "order_parameter": 0.1 + 0.001 * place, "train_loss": loss}
        values |= dict.fromkeys(("dloss_dorder", "dloss_dlogstep"), slope)
        values |= dict.fromkeys(("dloss_dorder_error", "dloss_dlogstep_error"), error)
        values |= dict.fromkeys(("loss_dorder", "loss_dlogstep"), loss)
        tables.append(pd.DataFrame({"size": size, "seed": seed, **values}))
    return pd.concat(tables, ignore_index=True)
