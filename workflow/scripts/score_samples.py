"""Score text sampled from the checkpoints of least validation loss and of the last step."""

from pathlib import Path

import torch

from orderparam.measuring.sample_quality import score_checkpoints
from orderparam.tables import read_table, write_table
from orderparam.tracking import run_of_job, tracked_job

if __name__ == "__main__":
    with tracked_job(snakemake):
        run = run_of_job(snakemake)
        torch.set_num_threads(run.threads)
        quality = score_checkpoints(
            run,
            snakemake.params.seeds[0]["seed"],
            read_table(snakemake.input.metrics),
            Path(snakemake.input.checkpoints),
            Path(snakemake.input.tokens),
            Path(snakemake.input.vocabulary),
        )
        write_table(quality, snakemake.output.quality)
