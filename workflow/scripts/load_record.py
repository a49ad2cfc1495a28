"""Check every file of a record and gather its metrics and verifications."""

from orderparam.metrics import METRICS_COLUMNS, VERIFICATION_COLUMNS, collect_rows
from orderparam.recorded import Record
from orderparam.records import read_table, write_table
from orderparam.tracking import tracked_job

if __name__ == "__main__":
    with tracked_job(snakemake) as job:
        record = Record(snakemake.params.record)
        record.check()
        jobs = record.jobs()
        sizes = list(dict.fromkeys(recorded.run.size for recorded in jobs))
        metrics = [read_table(recorded.metrics, METRICS_COLUMNS) for recorded in jobs]
        write_table(collect_rows(metrics, sizes), snakemake.output.metrics)
        verified = [read_table(recorded.verification, VERIFICATION_COLUMNS) for recorded in jobs]
        write_table(collect_rows(verified, sizes, ("size", "seed")), snakemake.output.verification)
        job.log_artifact(snakemake.output.metrics)
