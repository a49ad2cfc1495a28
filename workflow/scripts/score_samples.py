"""Score text sampled from the checkpoint of least validation loss and from the last one, of one size."""

from pathlib import Path

import pandas as pd
import torch

from orderparam.experiment import Run
from orderparam.metrics import SAMPLE_QUALITY_COLUMNS
from orderparam.records import write_table
from orderparam.sample_quality import SampleScorer
from orderparam.sampling import TextSampler
from orderparam.tables import read_known_table
from orderparam.tracking import tracked_job
from orderparam.training.schedule import checkpoint_steps
from orderparam.vocabulary import load_tokens, load_vocabulary

if __name__ == "__main__":
    with tracked_job(snakemake) as job:
        run, seed = Run.from_dict(snakemake.params.run), snakemake.params.seed
        checkpoints, encoding = Path(snakemake.input.checkpoints), Path(snakemake.input.vocabulary)
        torch.set_num_threads(run.threads)
        vocabulary = load_vocabulary(encoding)
        train, val = load_tokens(Path(snakemake.input.tokens), encoding)
        scorer = SampleScorer(vocabulary.decode(train), val, len(vocabulary))
        metrics = read_known_table(snakemake.input.metrics)
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
        write_table(pd.DataFrame(rows)[list(SAMPLE_QUALITY_COLUMNS)], snakemake.output.quality)
        job.log_artifact(snakemake.output.quality)
