"""Compare the lattices with their exact solutions, and find their critical temperatures."""

from orderparam.known_systems.ising.crossings import estimate_critical_temperatures
from orderparam.known_systems.ising.reference import tabulate_exact_curves
from orderparam.known_systems.ising.validation import compare_with_exact, summarise_validation
from orderparam.tables import read_tables, write_table
from orderparam.tracking import tracked_job

if __name__ == "__main__":
    with tracked_job(snakemake) as job:
        observables = read_tables(snakemake.input.observables)
        write_table(tabulate_exact_curves(observables), snakemake.output.exact)
        validation = compare_with_exact(observables)
        summary = summarise_validation(validation)
        write_table(validation, snakemake.output.validation)
        write_table(summary, snakemake.output.summary)
        critical = estimate_critical_temperatures(observables)
        write_table(critical, snakemake.output.critical)
        everything = summary.iloc[-1]
        job.log_metrics((name, everything[name], 0) for name in ("count", "beyond_3", "p_value", "largest_z"))
        for row in critical[critical["estimate"] == "extrapolated"].itertuples():
            job.log_metrics([(f"critical_temperature/{row.system}", row.temperature, 0)])
