"""Draw one figure from its tables."""

from importlib import import_module

from orderparam.architecture import describe_architecture, to_mermaid
from orderparam.experiment import Run
from orderparam.figures.style import FigureContext, save_figure
from orderparam.records import atomic_write, read_json
from orderparam.tables import read_known_table
from orderparam.tracking import tracked_job
from orderparam.vocabulary import corpus_label


def describe_model(run, vocabulary_size):
    """The architecture of the model that `run` trains, read off the model itself."""
    from orderparam.model import build_model

    model = build_model(
        0,
        vocabulary_size=vocabulary_size,
        context=run.context,
        d_model=run.d_model,
        n_head=run.n_head,
        n_layer=run.n_layer,
        dropout=run.dropout,
    )
    return describe_architecture(model, title=f"GPT of size {run.size}")


if __name__ == "__main__":
    with tracked_job(snakemake) as job:
        vocabulary = read_json(snakemake.input.vocabulary)
        job.set_corpus(vocabulary)
        context = FigureContext(
            snakemake.wildcards.experiment, corpus_label(vocabulary), vocabulary["notice"]
        )
        sources = {name: path for name, path in snakemake.input.items() if name != "vocabulary"}
        arguments = {name: read_known_table(path) for name, path in sources.items()}
        module = import_module(f"orderparam.figures.{snakemake.params.figure}")
        if snakemake.params.architecture:
            run = Run.from_dict(snakemake.params.architecture)
            graph = describe_model(run, len(vocabulary["characters"]))
            arguments["graph"] = graph
            with atomic_write(snakemake.output.mermaid[0]) as file:
                file.write(to_mermaid(graph))
        save_figure(module.draw(**arguments, context=context), snakemake.output.svg, snakemake.output.png)
        for path in snakemake.output:
            job.log_artifact(path)
