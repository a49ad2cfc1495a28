"""Draw one figure of the lattices from its tables."""

from importlib import import_module

from orderparam.figures.style import save_figure
from orderparam.ising.tables import read_ising_table, read_observables
from orderparam.tracking import tracked_job

if __name__ == "__main__":
    with tracked_job(snakemake) as job:
        tables = {
            name: read_observables(paths) if name == "observables" else read_ising_table(paths)
            for name, paths in snakemake.input.items()
        }
        module = import_module(f"orderparam.figures.{snakemake.params.figure}")
        save_figure(module.draw(**tables), snakemake.output.svg, snakemake.output.png)
        for path in snakemake.output:
            job.log_artifact(path)
