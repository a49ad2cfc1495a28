"""Score text sampled from the checkpoints of least validation loss and of the last step."""

from pathlib import Path

import torch

from orderparam.measuring.sample_quality import score_checkpoints
from orderparam.settings.experiment import Run
from orderparam.tables import read_table, write_table
from orderparam.tracking import tracked_job

if __name__ == "__main__":
    with tracked_job(snakemake):
        run = Run.from_dict(
            {**snakemake.params.run, "device": snakemake.resources.device, "threads": snakemake.threads}
        )
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
