"""Score text sampled from the checkpoint of least validation loss and from the last one, of one size."""

from pathlib import Path

import pandas as pd
import torch

from orderparam.measuring.sample_quality import SampleScorer
from orderparam.measuring.sampling import TextSampler
from orderparam.settings.experiment import Run
from orderparam.tables import SAMPLE_QUALITY, read_table, write_table
from orderparam.text.vocabulary import load_tokens, load_vocabulary
from orderparam.tracking import tracked_job
from orderparam.training.schedule import checkpoint_steps

if __name__ == "__main__":
    with tracked_job(snakemake):
        run, seed = Run.from_dict(snakemake.params.run), snakemake.params.seed
        checkpoints, encoding = Path(snakemake.input.checkpoints), Path(snakemake.input.vocabulary)
        torch.set_num_threads(run.threads)
        vocabulary = load_vocabulary(encoding)
        train, val = load_tokens(Path(snakemake.input.tokens), encoding)
        scorer = SampleScorer(vocabulary.decode(train), val, len(vocabulary))
        metrics = read_table(snakemake.input.metrics)
        of_run = metrics[(metrics["size"] == run.size) & (metrics["seed"] == seed)].set_index("step")
        losses = of_run["val_loss"].reindex(checkpoint_steps(run)).dropna()
        rows = []
        for checkpoint, step in (("best", int(losses.idxmin())), ("last", int(losses.index.max()))):
            start = {"size": run.size, "seed": seed, "checkpoint": checkpoint, "step": step}
            rows.append(start | {"sample": 0, "quantity": "val_loss", "value": float(losses[step])})
            sampler = TextSampler.load(checkpoints, seed, step, encoding, run.device)
            for sample in range(snakemake.params.samples):
                scores = scorer.score(*sampler.sample(snakemake.params.characters, 1.0, sample))
                rows += [
                    start | {"sample": sample, "quantity": name, "value": value}
                    for name, value in scores.items()
                ]
        write_table(pd.DataFrame(rows)[list(SAMPLE_QUALITY.columns)], snakemake.output.quality)
