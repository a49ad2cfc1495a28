"""Sample text from the final weights of a run."""

from pathlib import Path

from orderparam.files import atomic_write
from orderparam.measuring.sampling import TextSampler
from orderparam.tracking import tracked_job

if __name__ == "__main__":
    with tracked_job(snakemake):
        sampling = snakemake.params.sampling
        sampler = TextSampler.load(
            Path(snakemake.input.checkpoints),
            int(snakemake.wildcards.seed),
            snakemake.params.step,
            Path(snakemake.input.vocabulary),
            snakemake.resources.device,
        )
        text, _ = sampler.sample(
            sampling["characters"],
            sampling["temperature"],
            sampling["seed"],
            dropout=snakemake.wildcards.mode == "dropout",
        )
        with atomic_write(snakemake.output.sample) as file:
            file.write(text)
