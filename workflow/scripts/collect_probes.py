"""Collect the probes of an experiment's training jobs in one table."""

from orderparam.tables import collect_runs, write_table
from orderparam.tracking import tracked_job

if __name__ == "__main__":
    with tracked_job(snakemake) as job:
        write_table(collect_runs(snakemake.input, snakemake.params.sizes), snakemake.output.probes)
        job.log_artifact(snakemake.output.probes)
