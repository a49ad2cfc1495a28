"""Gather one table of all training jobs of an experiment; each file of a record is checked first."""

from pathlib import Path

from orderparam.archive.record import Record
from orderparam.tables import collect_runs, write_table
from orderparam.tracking import tracked_job

if __name__ == "__main__":
    with tracked_job(snakemake):
        for manifest in snakemake.input.get("manifest", []):
            Record(Path(manifest).parent).check()
        write_table(collect_runs(snakemake.input.tables, snakemake.params.sizes), snakemake.output[0])
