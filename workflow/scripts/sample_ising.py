"""Sample an Ising system at each point of its grids and measure every observable with its error."""

from orderparam.known_systems.ising.grids import Grid, sample_grids
from orderparam.tables import write_table
from orderparam.tracking import tracked_job

if __name__ == "__main__":
    with tracked_job(snakemake) as job:
        grids = [Grid.from_dict(grid) for grid in snakemake.params.grids.values()]
        write_table(sample_grids(grids, snakemake.params.seed), snakemake.output.observables)
        job.log_artifact(snakemake.output.observables)
