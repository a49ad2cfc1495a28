"""Train the seeds of one model entry and keep what was measured, and the checkpoints."""

from pathlib import Path

from orderparam.settings.experiment import Seeds
from orderparam.tables import METRICS
from orderparam.tracking import run_of_job, tracked_job
from orderparam.training.job import JobPaths, train_job

if __name__ == "__main__":
    with tracked_job(snakemake, keep=True) as job:
        run = run_of_job(snakemake)
        all_seeds = [Seeds(**seeds) for seeds in snakemake.params.seeds]
        for each in all_seeds:
            job.add_training(run, each)
        train_job(
            run,
            all_seeds,
            Path(snakemake.input.tokens),
            Path(snakemake.input.vocabulary),
            JobPaths(
                trajectory=Path(snakemake.output.trajectory),
                steps=Path(snakemake.output.steps),
                checkpoints=Path(snakemake.output.checkpoints),
                unfinished=Path(snakemake.params.unfinished),
                diverged=Path(snakemake.params.diverged),
            ),
            code=snakemake.params.code,
            start_from=Path(snakemake.input.start_from) if snakemake.input.start_from else None,
            on_measured=lambda rows: job.log_trainings(METRICS.frame(rows)),
        )
