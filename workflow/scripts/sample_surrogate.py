"""Sample a Markov surrogate of another corpus."""

from pathlib import Path

from orderparam.files import read_json
from orderparam.text.corpus import generate_surrogate
from orderparam.tracking import tracked_job

if __name__ == "__main__":
    with tracked_job(snakemake) as job:
        manifest = generate_surrogate(
            snakemake.wildcards.corpus,
            snakemake.params.entry,
            origin_text=Path(snakemake.input.text),
            origin=read_json(snakemake.input.manifest),
            text_path=Path(snakemake.output.text),
            manifest_path=Path(snakemake.output.manifest),
        )
        job.set_corpus(manifest)
        job.log_artifact(snakemake.output.manifest)
