"""Recompute what a run measured from its checkpoints, stop if it disagrees, and write its metrics."""

import shutil
from pathlib import Path

from orderparam.measuring.verification import verify_job
from orderparam.tables import METRICS, write_table
from orderparam.text.vocabulary import load_tokens
from orderparam.tracking import run_of_job, tracked_job
from orderparam.training.device import resolve_device

if __name__ == "__main__":
    with tracked_job(snakemake) as job:
        run = run_of_job(snakemake)
        trajectory = METRICS.read(snakemake.input.trajectory)
        verification = verify_job(
            run,
            snakemake.params.seeds,
            Path(snakemake.input.checkpoints),
            trajectory,
            *load_tokens(Path(snakemake.input.tokens), Path(snakemake.input.vocabulary)),
            verified_checkpoints=snakemake.params.verified_checkpoints,
            device=resolve_device(run.device),
        )
        write_table(verification, snakemake.output.verification)
        write_table(trajectory, snakemake.output.metrics)
        # The outputs are complete, so the job need not go on from its snapshots.
        shutil.rmtree(snakemake.params.unfinished, ignore_errors=True)
        job.log_table(verification, step="seed")
