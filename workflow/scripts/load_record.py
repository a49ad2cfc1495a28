"""Check every file of a record and gather its metrics and verifications."""

from orderparam.archive import Record
from orderparam.archive.tables import load_tables
from orderparam.tables import write_table
from orderparam.tracking import tracked_job

if __name__ == "__main__":
    with tracked_job(snakemake) as job:
        metrics, verification = load_tables(Record(snakemake.params.record), "metrics", "verification")
        write_table(metrics, snakemake.output.metrics)
        write_table(verification, snakemake.output.verification)
        job.log_artifact(snakemake.output.metrics)
