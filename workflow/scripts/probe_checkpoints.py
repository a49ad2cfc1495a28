"""Read attention, distance to the n-gram predictors and the head's spectrum off each checkpoint of a run."""

from pathlib import Path

import torch

from orderparam.measuring.probes import ProbeWindows, probe_checkpoints
from orderparam.tables import write_table
from orderparam.text.vocabulary import load_tokens, load_vocabulary
from orderparam.tracking import run_of_job, tracked_job
from orderparam.training.device import resolve_device

if __name__ == "__main__":
    with tracked_job(snakemake):
        run = run_of_job(snakemake)
        torch.set_num_threads(run.threads)
        vocabulary = Path(snakemake.input.vocabulary)
        windows = ProbeWindows.choose(
            *load_tokens(Path(snakemake.input.tokens), vocabulary),
            len(load_vocabulary(vocabulary)),
            run.context,
            snakemake.params.windows,
        )
        table = probe_checkpoints(
            run,
            snakemake.params.seeds,
            Path(snakemake.input.checkpoints),
            windows,
            resolve_device(run.device),
        )
        write_table(table, snakemake.output.probes)
