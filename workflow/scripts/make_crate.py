"""Pack an experiment's files with the records of the jobs that made them, as a Workflow Run RO-Crate."""

from pathlib import Path

from orderparam.pages.crate import make_crate
from orderparam.pages.provenance import jobs_behind
from orderparam.tracking import tracked_job

if __name__ == "__main__":
    with tracked_job(snakemake):
        name = snakemake.wildcards.experiment
        settings = Path(f"config/experiments/{name}.yaml")
        make_crate(
            name,
            snakemake.params.description,
            jobs_behind(snakemake.input),
            [str(settings)] if settings.exists() else [],
            Path(snakemake.output.crate),
        )
