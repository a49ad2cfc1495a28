"""Check every file of a record and gather its probes."""

from orderparam.archive import Record
from orderparam.archive.tables import load_tables
from orderparam.tables import write_table
from orderparam.tracking import tracked_job

if __name__ == "__main__":
    with tracked_job(snakemake) as job:
        (probes,) = load_tables(Record(snakemake.params.record), "probes")
        write_table(probes, snakemake.output.probes)
        job.log_artifact(snakemake.output.probes)
