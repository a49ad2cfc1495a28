"""Sample the Potts model at its transition of first order."""

from orderparam.known_systems.ising.phases import sample_phases
from orderparam.tables import write_table
from orderparam.tracking import tracked_job

if __name__ == "__main__":
    with tracked_job(snakemake) as job:
        histogram, phases = sample_phases(**snakemake.params.potts, seed=snakemake.params.seed)
        write_table(histogram, snakemake.output.histogram)
        write_table(phases, snakemake.output.phases)
        job.log_artifact(snakemake.output.histogram)
        job.log_artifact(snakemake.output.phases)
