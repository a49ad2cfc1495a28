"""Compare what was measured on the lattices with what is known exactly."""

from orderparam.known_systems.ising.validation import compare_with_exact, summarise_validation
from orderparam.tables import read_tables, write_table
from orderparam.tracking import tracked_job

if __name__ == "__main__":
    with tracked_job(snakemake) as job:
        validation = compare_with_exact(read_tables(snakemake.input))
        summary = summarise_validation(validation)
        write_table(validation, snakemake.output.validation)
        write_table(summary, snakemake.output.summary)
        everything = summary.iloc[-1]
        job.log_metrics((name, everything[name], 0) for name in ("count", "beyond_3", "p_value", "largest_z"))
        job.log_artifact(snakemake.output.validation)
        job.log_artifact(snakemake.output.summary)
