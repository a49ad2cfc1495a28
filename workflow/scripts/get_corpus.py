"""Get the text of a corpus: from the first source that answers, or sampled (surrogates, Markov chains)."""

from pathlib import Path

from orderparam.files import read_json
from orderparam.text.corpus import fetch_corpus, generate_chains, generate_surrogate
from orderparam.tracking import tracked_job

if __name__ == "__main__":
    with tracked_job(snakemake):
        name, entry, mirror = snakemake.wildcards.corpus, snakemake.params.entry, snakemake.params.mirror
        paths = {"text_path": Path(snakemake.output.text), "manifest_path": Path(snakemake.output.manifest)}
        if "surrogate_of" in entry:
            origin = read_json(snakemake.input.manifest)
            generate_surrogate(name, entry, Path(snakemake.input.text), origin, **paths)
        elif "letters" in entry:
            generate_chains(name, entry, **paths)
        else:
            fetch_corpus(name, entry, mirror=Path(mirror) if mirror else None, root=Path.cwd(), **paths)
