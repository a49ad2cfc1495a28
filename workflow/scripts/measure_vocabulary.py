"""Sample text at every checkpoint of a training job, and count its words."""

from pathlib import Path

import torch

from orderparam.measuring.vocabulary_statistics import measure_vocabulary
from orderparam.settings.experiment import Run
from orderparam.tables import write_table
from orderparam.text.vocabulary import load_tokens, load_vocabulary
from orderparam.tracking import tracked_job

if __name__ == "__main__":
    with tracked_job(snakemake):
        run, encoding = Run.from_dict(snakemake.params.run), Path(snakemake.input.vocabulary)
        torch.set_num_threads(run.threads)
        vocabulary = load_vocabulary(encoding)
        train, _ = load_tokens(Path(snakemake.input.tokens), encoding)
        table = measure_vocabulary(
            run,
            [seed["seed"] for seed in snakemake.params.seeds],
            Path(snakemake.input.checkpoints),
            vocabulary,
            vocabulary.decode(train),
            snakemake.params.blocks,
            snakemake.params.characters,
        )
        write_table(table, snakemake.output.statistics)
