"""Tell which published values lie inside the prediction intervals of the runs."""

from orderparam.analysis.published_values import compare_with_published
from orderparam.tables import read_table, write_table
from orderparam.tracking import tracked_job

if __name__ == "__main__":
    with tracked_job(snakemake) as job:
        metrics = read_table(snakemake.input.metrics)
        seeds = dict.fromkeys(metrics["size"], snakemake.params.seeds)
        comparison = compare_with_published(metrics, read_table(snakemake.input.published), seeds)
        write_table(comparison, snakemake.output.comparison)
        job.log_artifact(snakemake.output.comparison)
