"""Backward differences of the training loss with respect to the order parameter."""

from orderparam.analysis.derivative import compute_derivative
from orderparam.tables import METRICS, write_table
from orderparam.tracking import tracked_job

if __name__ == "__main__":
    with tracked_job(snakemake) as job:
        metrics = METRICS.read(snakemake.input.metrics)
        derivative = compute_derivative(metrics, dict(snakemake.params.checkpoint_every))
        write_table(derivative, snakemake.output.derivative)
        job.log_artifact(snakemake.output.derivative)
