"""Tabulate how each size of an experiment is trained, and the n-gram entropies of the text that it learns."""

from pathlib import Path

import numpy as np
import pandas as pd

from orderparam.tables import ENTROPIES, RUNS, read_table, write_table
from orderparam.tracking import tracked_job

if __name__ == "__main__":
    with tracked_job(snakemake):
        runs = snakemake.params.runs
        write_table(RUNS.frame(list(runs.values())), snakemake.output.runs)
        paths = {Path(path).parent.name: path for path in snakemake.input.entropies}
        verified = read_table(snakemake.input.verification).groupby("size").first()
        tables = []
        for size, run in runs.items():
            table = read_table(paths[run["corpus"]]).assign(size=size, corpus=run["corpus"])
            windows = {order: verified.loc[size, f"window_entropy_{order}"] for order in (1, 2, 3)}
            if run["levels"] == "in_context":
                # Only levels of one kind can be compared.
                table[["train_entropy", "val_cross_entropy"]] = np.nan
            tables.append(table.assign(window_entropy=table["order"].map(windows)))
        write_table(ENTROPIES.frame(pd.concat(tables, ignore_index=True)), snakemake.output.entropies)
