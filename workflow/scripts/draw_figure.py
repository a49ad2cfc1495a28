"""Draw one figure from its tables."""

from importlib import import_module

from orderparam.figures.style import FigureContext, save_figure
from orderparam.files import atomic_write, read_json
from orderparam.model.diagram import describe_architecture, to_mermaid
from orderparam.settings.experiment import Run
from orderparam.tables import read_table
from orderparam.text.vocabulary import describe_corpora
from orderparam.tracking import tracked_job


def describe_model(run, vocabularies):
    """The architecture of the model that `run` trains, read off the model itself."""
    from orderparam.model.gpt import build_model_of_run

    (size,) = {len(record["characters"]) for record in vocabularies if record["corpus"] == run.corpus}
    return describe_architecture(build_model_of_run(run, 0, size), title=f"GPT of size {run.size}")


if __name__ == "__main__":
    with tracked_job(snakemake) as job:
        vocabularies = [read_json(path) for path in snakemake.input.vocabularies]
        corpora = describe_corpora(vocabularies)
        job.set_corpus(corpora)
        context = FigureContext(
            snakemake.wildcards.experiment,
            corpora["corpus"],
            corpora["notice"],
            entropy_sizes=tuple(snakemake.params.sizes),
        )
        sources = {name: path for name, path in snakemake.input.items() if name != "vocabularies"}
        arguments = {name: read_table(path) for name, path in sources.items()}
        module = import_module(f"orderparam.figures.{snakemake.params.figure}")
        if snakemake.params.architecture:
            run = Run.from_dict(snakemake.params.architecture)
            graph = describe_model(run, vocabularies)
            arguments["graph"] = graph
            with atomic_write(snakemake.output.mermaid[0]) as file:
                file.write(to_mermaid(graph))
        save_figure(module.draw(**arguments, context=context), snakemake.output.svg, snakemake.output.png)
        for path in snakemake.output:
            job.log_artifact(path)
