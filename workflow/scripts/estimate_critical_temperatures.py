"""Critical temperatures of the lattices, from the crossings of Binder cumulants."""

from orderparam.known_systems.ising.crossings import estimate_critical_temperatures
from orderparam.tables import read_tables, write_table
from orderparam.tracking import tracked_job

if __name__ == "__main__":
    with tracked_job(snakemake) as job:
        critical = estimate_critical_temperatures(read_tables(snakemake.input))
        write_table(critical, snakemake.output.critical)
        for row in critical[critical["estimate"] == "extrapolated"].itertuples():
            job.log_metrics([(f"critical_temperature/{row.system}", row.temperature, 0)])
        job.log_artifact(snakemake.output.critical)
