"""Get the text of a corpus from the first of its sources that answers, checked by its sha256."""

from pathlib import Path

from orderparam.text.corpus import fetch_corpus
from orderparam.tracking import tracked_job

if __name__ == "__main__":
    with tracked_job(snakemake) as job:
        mirror = snakemake.params.mirror
        manifest = fetch_corpus(
            snakemake.wildcards.corpus,
            snakemake.params.entry,
            mirror=Path(mirror) if mirror else None,
            text_path=Path(snakemake.output.text),
            manifest_path=Path(snakemake.output.manifest),
            root=Path.cwd(),
        )
        job.set_corpus(manifest)
        job.log_artifact(snakemake.output.manifest)
