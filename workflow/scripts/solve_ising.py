"""Exact lines over the temperatures at which the lattices were sampled."""

from orderparam.known_systems.ising.reference import tabulate_exact_curves
from orderparam.tables import read_tables, write_table
from orderparam.tracking import tracked_job

if __name__ == "__main__":
    with tracked_job(snakemake) as job:
        write_table(tabulate_exact_curves(read_tables(snakemake.input)), snakemake.output.exact)
        job.log_artifact(snakemake.output.exact)
