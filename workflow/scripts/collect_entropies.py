"""Gather, for each size, the n-gram entropies of the text that it is trained on."""

from pathlib import Path

import pandas as pd

from orderparam.metrics import ENTROPY_COLUMNS
from orderparam.records import write_table
from orderparam.tables import read_known_table
from orderparam.tracking import tracked_job

if __name__ == "__main__":
    with tracked_job(snakemake) as job:
        paths = {Path(path).parent.name: path for path in snakemake.input.entropies}
        tables = [
            read_known_table(paths[corpus]).assign(size=size, corpus=corpus)
            for size, corpus in snakemake.params.corpora.items()
        ]
        table = pd.concat(tables, ignore_index=True)[list(ENTROPY_COLUMNS)]
        write_table(table, snakemake.output.entropies)
        job.log_artifact(snakemake.output.entropies)
