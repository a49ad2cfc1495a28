"""Gather the metrics of all runs of an experiment into one tidy table."""

from orderparam.metrics import METRICS_COLUMNS, collect_rows
from orderparam.records import read_table, write_table
from orderparam.tracking import tracked_job

if __name__ == "__main__":
    with tracked_job(snakemake) as job:
        tables = [read_table(path, METRICS_COLUMNS) for path in snakemake.input]
        write_table(collect_rows(tables, snakemake.params.sizes), snakemake.output.metrics)
        job.log_artifact(snakemake.output.metrics)
