"""Sample text from the final weights of a run."""

from pathlib import Path

from orderparam.records import atomic_write
from orderparam.sampling import sample_tokens
from orderparam.tracking import tracked_job
from orderparam.training.checkpoints import checkpoint_path, load_model
from orderparam.training.device import resolve_device
from orderparam.vocabulary import load_vocabulary

if __name__ == "__main__":
    with tracked_job(snakemake) as job:
        sampling = snakemake.params.sampling
        path = checkpoint_path(
            Path(snakemake.input.checkpoints), int(snakemake.wildcards.seed), snakemake.params.step
        )
        tokens = sample_tokens(
            load_model(path).to(resolve_device(snakemake.params.device)),
            count=sampling["characters"],
            temperature=sampling["temperature"],
            seed=sampling["seed"],
            dropout=snakemake.wildcards.mode == "dropout",
        )
        with atomic_write(snakemake.output.sample) as file:
            file.write(load_vocabulary(Path(snakemake.input.vocabulary)).decode(tokens))
        job.log_artifact(snakemake.output.sample)
