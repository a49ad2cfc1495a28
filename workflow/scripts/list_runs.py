"""Tabulate how each size of an experiment is trained."""

import pandas as pd

from orderparam.metrics import RUNS_COLUMNS
from orderparam.records import write_table
from orderparam.tracking import tracked_job

if __name__ == "__main__":
    with tracked_job(snakemake) as job:
        write_table(pd.DataFrame(snakemake.params.runs)[list(RUNS_COLUMNS)], snakemake.output.runs)
        job.log_artifact(snakemake.output.runs)
