"""Gather the verifications of all runs of an experiment into one tidy table."""

from orderparam.metrics import VERIFICATION_COLUMNS, collect_rows
from orderparam.records import read_table, write_table
from orderparam.tracking import tracked_job

if __name__ == "__main__":
    with tracked_job(snakemake) as job:
        tables = [read_table(path, VERIFICATION_COLUMNS) for path in snakemake.input]
        table = collect_rows(tables, snakemake.params.sizes, ("size", "seed"))
        write_table(table, snakemake.output.verification)
        job.log_artifact(snakemake.output.verification)
