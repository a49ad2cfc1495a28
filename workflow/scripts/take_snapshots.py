"""States of the square lattice below, at and above its critical temperature."""

from orderparam.known_systems.ising.phases import take_snapshots
from orderparam.tables import write_table
from orderparam.tracking import tracked_job

if __name__ == "__main__":
    with tracked_job(snakemake) as job:
        write_table(
            take_snapshots(**snakemake.params.snapshots, seed=snakemake.params.seed),
            snakemake.output.snapshots,
        )
        job.log_artifact(snakemake.output.snapshots)
