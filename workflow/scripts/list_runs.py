"""Tabulate how each size of an experiment is trained."""

import pandas as pd

from orderparam.tables import RUNS, write_table
from orderparam.tracking import tracked_job

if __name__ == "__main__":
    with tracked_job(snakemake) as job:
        write_table(pd.DataFrame(snakemake.params.runs)[list(RUNS.columns)], snakemake.output.runs)
        job.log_artifact(snakemake.output.runs)
