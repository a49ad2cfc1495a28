"""Exact lines over the temperatures at which the lattices were sampled."""

from orderparam.ising.reference import tabulate_exact_curves
from orderparam.ising.tables import read_observables
from orderparam.records import write_table
from orderparam.tracking import tracked_job

if __name__ == "__main__":
    with tracked_job(snakemake) as job:
        write_table(tabulate_exact_curves(read_observables(snakemake.input)), snakemake.output.exact)
        job.log_artifact(snakemake.output.exact)
