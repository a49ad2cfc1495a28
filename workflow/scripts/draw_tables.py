"""Draw one figure from its tables, and JSON files, alone: without an experiment."""

from importlib import import_module

from orderparam.figures.style import save_figure
from orderparam.tables import read_source
from orderparam.tracking import tracked_job

if __name__ == "__main__":
    with tracked_job(snakemake) as job:
        module = import_module(f"orderparam.figures.{snakemake.params.figure}")
        sources = {name: read_source(source) for name, source in snakemake.input.items()}
        save_figure(module.draw(**sources), snakemake.output.svg, snakemake.output.png)
        for path in snakemake.output:
            job.log_artifact(path)
