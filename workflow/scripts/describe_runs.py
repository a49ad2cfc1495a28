"""Tabulate how each size of an experiment is trained, and the n-gram entropies of the text that it learns."""

from pathlib import Path

import pandas as pd

from orderparam.tables import ENTROPIES, RUNS, read_table, write_table
from orderparam.tracking import tracked_job

if __name__ == "__main__":
    with tracked_job(snakemake):
        runs = snakemake.params.runs
        write_table(RUNS.frame(list(runs.values())), snakemake.output.runs)
        paths = {Path(path).parent.name: path for path in snakemake.input.entropies}
        tables = [
            read_table(paths[run["corpus"]]).assign(size=size, corpus=run["corpus"])
            for size, run in runs.items()
        ]
        write_table(ENTROPIES.frame(pd.concat(tables, ignore_index=True)), snakemake.output.entropies)
