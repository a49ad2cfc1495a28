"""Check every file of a record and gather its probes."""

from orderparam.metrics import PROBE_COLUMNS, PROBE_KEY, collect_rows
from orderparam.recorded import Record
from orderparam.records import read_table, write_table
from orderparam.tracking import tracked_job

if __name__ == "__main__":
    with tracked_job(snakemake) as job:
        record = Record(snakemake.params.record)
        record.check()
        jobs = record.jobs()
        sizes = list(dict.fromkeys(recorded.run.size for recorded in jobs))
        tables = [read_table(recorded.probes, PROBE_COLUMNS) for recorded in jobs]
        write_table(collect_rows(tables, sizes, PROBE_KEY), snakemake.output.probes)
        job.log_artifact(snakemake.output.probes)
