"""Exact lines over the temperatures at which the lattices were sampled."""

from orderparam.ising.reference import tabulate_exact_curves
from orderparam.records import write_table
from orderparam.tables import read_known_tables
from orderparam.tracking import tracked_job

if __name__ == "__main__":
    with tracked_job(snakemake) as job:
        write_table(tabulate_exact_curves(read_known_tables(snakemake.input)), snakemake.output.exact)
        job.log_artifact(snakemake.output.exact)
