"""Gather one table of all training jobs of an experiment.

The recorded runs whose metrics are gathered have runs of their own in the store, as if trained here.
"""

from pathlib import Path

from orderparam.archive.record import Record
from orderparam.tables import METRICS, collect_runs, find_table, write_table
from orderparam.tracking import tracked_job

if __name__ == "__main__":
    with tracked_job(snakemake) as job:
        table = collect_runs(snakemake.input.tables, snakemake.params.sizes)
        write_table(table, snakemake.output[0])
        manifests = snakemake.input.get("manifest", [])
        if manifests and find_table(snakemake.output[0]) is METRICS:
            for trained in Record(Path(manifests[0]).parent).jobs():
                for seeds in trained.seeds:
                    job.add_training(trained.run, seeds, "run")
            job.log_trainings(table)
