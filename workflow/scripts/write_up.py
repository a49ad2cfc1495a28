"""Write the page of an experiment: its figures, numbers and samples."""

from pathlib import Path

from orderparam.analysis.scaling import count_parameters
from orderparam.files import atomic_write, read_json
from orderparam.pages.provenance import jobs_behind
from orderparam.pages.write_up import Corpus, render_write_up
from orderparam.settings.experiment import Experiment
from orderparam.tables import read_table, read_tables
from orderparam.tracking import tracked_job


def heading_of(sample):
    """`10K, seed 1337, evaluation mode` for samples/10K/seed-1337-evaluation.txt."""
    _, seed, mode = sample.stem.split("-")
    return f"{sample.parent.name}, seed {seed}, {mode} mode"


if __name__ == "__main__":
    with tracked_job(snakemake):
        source = snakemake.input
        experiment = Experiment.from_dict(snakemake.params.experiment)
        vocabularies = [read_json(path) for path in source.vocabularies]
        # Of runs, those of the models that were built.
        parameters = {
            str(size): int(count)
            for path in source.verification
            for size, count in read_table(path).groupby("size")["parameters"].first().items()
        }
        if experiment.is_published:
            characters = len(vocabularies[0]["characters"])
            parameters = {
                size: count_parameters(run.to_dict(), characters) for size, run in experiment.runs.items()
            }
        compared = [read_table(path) for path in source.comparison]
        page, findings = render_write_up(
            experiment,
            parameters,
            metrics=read_table(source.metrics),
            corpora=[
                Corpus(vocabulary, read_table(entropies))
                for vocabulary, entropies in zip(vocabularies, source.ngram_entropies, strict=True)
            ],
            figures={Path(svg): snakemake.params.tables[Path(svg).stem] for svg in source.figures},
            samples={heading_of(Path(path)): Path(path).read_text("utf-8") for path in source.samples},
            comparison=compared[0] if compared else None,
            pushed=compared[1] if len(compared) > 1 else None,
            missing=snakemake.params.missing,
            answer=Path(source.answer).read_text("utf-8"),
            jobs=jobs_behind([str(snakemake.output.page)]),
            quality=read_tables(source.quality) if source.quality else None,
        )
        with atomic_write(snakemake.output.page) as file:
            file.write(page)
        with atomic_write(snakemake.output.findings) as file:
            file.write(f"{findings}\n")
