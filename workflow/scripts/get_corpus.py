"""Get the text of a corpus: from the first of its sources that answers, or sampled as another's surrogate."""

from pathlib import Path

from orderparam.files import read_json
from orderparam.text.corpus import fetch_corpus, generate_surrogate
from orderparam.tracking import tracked_job

if __name__ == "__main__":
    with tracked_job(snakemake):
        name, entry, mirror = snakemake.wildcards.corpus, snakemake.params.entry, snakemake.params.mirror
        paths = {"text_path": Path(snakemake.output.text), "manifest_path": Path(snakemake.output.manifest)}
        if "surrogate_of" in entry:
            origin = read_json(snakemake.input.manifest)
            generate_surrogate(name, entry, Path(snakemake.input.text), origin, **paths)
        else:
            fetch_corpus(name, entry, mirror=Path(mirror) if mirror else None, root=Path.cwd(), **paths)
