"""Write the page of an experiment: its figures, numbers and samples."""

from pathlib import Path

from orderparam.files import atomic_write, read_json
from orderparam.pages.page import FigureEntry
from orderparam.pages.write_up import Corpus, render_write_up
from orderparam.settings.experiment import Experiment
from orderparam.tables import COMPARISON, VERIFICATION, read_table
from orderparam.text.vocabulary import describe_corpora
from orderparam.tracking import tracked_job


def heading_of(sample):
    """`10K, seed 1337, evaluation mode` for samples/10K/seed-1337-evaluation.txt."""
    _, seed, mode = sample.stem.split("-")
    return f"{sample.parent.name}, seed {seed}, {mode} mode"


if __name__ == "__main__":
    with tracked_job(snakemake) as job:
        vocabularies = [read_json(path) for path in snakemake.input.vocabularies]
        job.set_corpus(describe_corpora(vocabularies))
        entropies = [read_table(path) for path in snakemake.input.ngram_entropies]
        verified = VERIFICATION.read(snakemake.input.verification)
        compared = [COMPARISON.read(path) for path in snakemake.input.comparison]
        page = render_write_up(
            Experiment.from_dict(snakemake.params.experiment),
            {size: int(count) for size, count in verified.groupby("size")["parameters"].first().items()},
            metrics=read_table(snakemake.input.metrics),
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
