"""Gather, for each size, the n-gram entropies of the text that it is trained on."""

from pathlib import Path

import pandas as pd

from orderparam.tables import ENTROPIES, read_table, write_table
from orderparam.tracking import tracked_job

if __name__ == "__main__":
    with tracked_job(snakemake) as job:
        paths = {Path(path).parent.name: path for path in snakemake.input.entropies}
        tables = [
            read_table(paths[corpus]).assign(size=size, corpus=corpus)
            for size, corpus in snakemake.params.corpora.items()
        ]
        table = pd.concat(tables, ignore_index=True)[list(ENTROPIES.columns)]
        write_table(table, snakemake.output.entropies)
        job.log_artifact(snakemake.output.entropies)
