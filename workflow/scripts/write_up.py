"""Write the page of an experiment: its figures, numbers and samples."""

from pathlib import Path

from orderparam.experiment import Experiment
from orderparam.metrics import COMPARISON_COLUMNS, VERIFICATION_COLUMNS
from orderparam.page import FigureEntry
from orderparam.records import atomic_write, read_json, read_table
from orderparam.tables import read_known_table
from orderparam.tracking import tracked_job
from orderparam.vocabulary import describe_corpora
from orderparam.writeup import Corpus, render_write_up


def heading_of(sample):
    """`10K, seed 1337, evaluation mode` for samples/10K/seed-1337-evaluation.txt."""
    _, seed, mode = sample.stem.split("-")
    return f"{sample.parent.name}, seed {seed}, {mode} mode"


if __name__ == "__main__":
    with tracked_job(snakemake) as job:
        vocabularies = [read_json(path) for path in snakemake.input.vocabularies]
        job.set_corpus(describe_corpora(vocabularies))
        entropies = [read_known_table(path) for path in snakemake.input.ngram_entropies]
        verified = read_table(snakemake.input.verification, VERIFICATION_COLUMNS)
        compared = [read_table(path, COMPARISON_COLUMNS) for path in snakemake.input.comparison]
        page = render_write_up(
            Experiment.from_dict(snakemake.params.experiment),
            {size: int(count) for size, count in verified.groupby("size")["parameters"].first().items()},
            metrics=read_known_table(snakemake.input.metrics),
            corpora=[Corpus(record, table) for record, table in zip(vocabularies, entropies, strict=True)],
            figures=[
                FigureEntry(Path(svg).stem, Path(svg), Path(caption))
                for svg, caption in zip(snakemake.input.figures, snakemake.input.captions, strict=True)
            ],
            samples={
                heading_of(Path(path)): Path(path).read_text("utf-8") for path in snakemake.input.samples
            },
            comparison=compared[0] if compared else None,
            missing=snakemake.params.missing,
        )
        with atomic_write(snakemake.output.page) as file:
            file.write(page)
        job.log_artifact(snakemake.output.page)
