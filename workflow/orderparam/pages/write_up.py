"""The write-up: figures, numbers and samples of one experiment in, one self-contained HTML page out."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from orderparam.analysis.derivative import find_crossings
from orderparam.analysis.published_values import describe_row, summarise_comparison
from orderparam.figures.style import describe_seeds
from orderparam.pages.page import embed_figure, render_page
from orderparam.settings.experiment import Experiment
from orderparam.tables import find_entropies
from orderparam.text.vocabulary import corpus_label

TEMPLATE = "write_up.html.j2"
EXCERPT_CHARACTERS = 600


@dataclass(frozen=True)
class Corpus:
    """A corpus of the experiment: the content of its vocabulary.json and its n-gram entropies."""

    record: Mapping[str, Any]
    ngram_entropies: pd.DataFrame

    @property
    def label(self) -> str:
        """Its name for readers."""
        return corpus_label(self.record)

    @property
    def entropies(self) -> list[dict[Hashable, Any]]:
        """Rows of the entropies, for the page."""
        return self.ngram_entropies.to_dict("records")


def render_write_up(
    experiment: Experiment,
    parameter_counts: Mapping[str, int],
    metrics: pd.DataFrame,
    corpora: Sequence[Corpus],
    figures: Sequence[Path],
    samples: Mapping[str, str],
    comparison: pd.DataFrame | None = None,
    missing: Sequence[str] = (),
) -> str:
    """The page's HTML. Every number on it comes from the arguments.

    `corpora` holds those of all sizes, `figures` the SVG files, `samples` maps a heading to sampled text,
    `comparison` is that with published values, `missing` says which runs a record lacks. Losses are in
    nats per character.
    """
    by_name = {corpus.record["corpus"]: corpus for corpus in corpora}
    return render_page(
        TEMPLATE,
        [corpus.record for corpus in corpora],
        experiment=experiment,
        corpora=corpora,
        seeds=describe_seeds(seeds.seed for seeds in experiment.seeds),
        sizes=[
            summarise_size(experiment, size, parameter_counts[size], metrics, by_name[run.corpus])
            for size, run in experiment.runs.items()
        ],
        figures=[embed_figure(svg, experiment.name) for svg in figures],
        samples={heading: text[:EXCERPT_CHARACTERS] for heading, text in samples.items()},
        comparison=[] if comparison is None else [describe_row(row) for row in comparison.to_dict("records")],
        agreement=[] if comparison is None else summarise_comparison(comparison),
        missing=missing,
    )


def summarise_size(
    experiment: Experiment,
    size: str,
    parameter_count: int,
    metrics: pd.DataFrame,
    corpus: Corpus,
) -> dict[str, Any]:
    """What the page's table says of one size: its run, and seed means at the first and last step.

    `bigram_step` is the mean step at which the seeds' training losses pass the bigram entropy of their
    corpus (None if a seed does not), `lowest_val_loss` the lowest seed mean of the validation loss.
    """
    of_size = metrics[metrics["size"] == size]
    by_step = of_size.groupby("step")[["order_parameter", "train_loss", "val_loss"]].mean()
    crossings = find_crossings(of_size, find_entropies(corpus.ngram_entropies, (2,))[2])
    runs = of_size["seed"].nunique()
    return {
        "size": size,
        "corpus": corpus.label,
        "run": experiment.runs[size],
        "parameters": parameter_count,
        "first": by_step.iloc[0].to_dict(),
        "last": by_step.iloc[-1].to_dict(),
        "lowest_val_loss": float(by_step["val_loss"].min()),
        "lowest_val_step": int(by_step.index.to_numpy()[by_step["val_loss"].to_numpy().argmin()]),
        "runs": runs,
        "bigram_step": float(crossings["step"].mean()) if len(crossings) == runs else None,
    }
