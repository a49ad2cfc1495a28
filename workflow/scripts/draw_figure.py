"""Draw one figure from its tables and JSON files."""

from importlib import import_module

from orderparam.figures.style import FigureContext, drawn_from, save_figure
from orderparam.files import read_json
from orderparam.tables import read_source
from orderparam.text.vocabulary import describe_corpora
from orderparam.tracking import tracked_job

if __name__ == "__main__":
    module = import_module(f"orderparam.figures.{snakemake.params.figure}")
    with tracked_job(snakemake):
        sources = dict(snakemake.input.items())
        vocabularies = sources.pop("vocabularies", None)
        context = None
        if vocabularies:
            records = [read_json(path) for path in vocabularies]
            corpora = describe_corpora(records, shows_entropies="ngram_entropies" in sources)
            context = FigureContext(
                snakemake.params.label,
                corpora["corpus"],
                corpora["notice"],
                entropy_sizes=tuple(snakemake.params.sizes),
            )
        with drawn_from(context):
            figure = module.draw(**{name: read_source(source) for name, source in sources.items()})
        save_figure(figure, snakemake.output.svg, snakemake.output.png)
