"""Write the page of an experiment: its figures, numbers and samples."""

from pathlib import Path

from orderparam.files import atomic_write, read_json
from orderparam.pages.write_up import Corpus, render_write_up
from orderparam.settings.experiment import Experiment
from orderparam.tables import read_table
from orderparam.tracking import tracked_job


def heading_of(sample):
    """`10K, seed 1337, evaluation mode` for samples/10K/seed-1337-evaluation.txt."""
    _, seed, mode = sample.stem.split("-")
    return f"{sample.parent.name}, seed {seed}, {mode} mode"


if __name__ == "__main__":
    with tracked_job(snakemake):
        source = snakemake.input
        parameters = read_table(source.verification).groupby("size")["parameters"].first()
        compared = [read_table(path) for path in source.comparison]
        page = render_write_up(
            Experiment.from_dict(snakemake.params.experiment),
            {size: int(count) for size, count in parameters.items()},
            metrics=read_table(source.metrics),
            corpora=[
                Corpus(read_json(vocabulary), read_table(entropies))
                for vocabulary, entropies in zip(source.vocabularies, source.ngram_entropies, strict=True)
            ],
            figures=[Path(svg) for svg in source.figures],
            samples={heading_of(Path(path)): Path(path).read_text("utf-8") for path in source.samples},
            comparison=compared[0] if compared else None,
            missing=snakemake.params.missing,
        )
        with atomic_write(snakemake.output.page) as file:
            file.write(page)
