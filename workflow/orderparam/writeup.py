"""The write-up: figures, numbers and samples of one experiment in, one self-contained HTML page out."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jinja2
import pandas as pd

from orderparam.derivative import find_crossings
from orderparam.experiment import Experiment
from orderparam.figures.style import describe_seeds
from orderparam.vocabulary import corpus_label

TEMPLATE_FOLDER = Path(__file__).parent / "templates"
TEMPLATE = "write_up.html.j2"
EXCERPT_CHARACTERS = 600
NARROW_POINTS = 300


@dataclass(frozen=True)
class FigureEntry:
    """A figure of the page: its name, its SVG file and its caption's reStructuredText file."""

    name: str
    svg: Path
    caption: Path


def render_write_up(
    experiment: Experiment,
    parameter_counts: Mapping[str, int],
    metrics: pd.DataFrame,
    ngram_entropies: pd.DataFrame,
    figures: Sequence[FigureEntry],
    samples: Mapping[str, str],
    vocabulary: Mapping[str, Any],
) -> str:
    """The page's HTML. Every number on it comes from the arguments.

    `samples` maps a heading to sampled text, `vocabulary` is the corpus's vocabulary.json. The losses
    shown are in nats per character.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATE_FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(TEMPLATE).render(
        experiment=experiment,
        vocabulary=vocabulary,
        corpus=corpus_label(vocabulary),
        seeds=describe_seeds(seeds.seed for seeds in experiment.seeds),
        sizes=[
            summarise_size(experiment, size, parameter_counts[size], metrics, ngram_entropies)
            for size in experiment.runs
        ],
        entropies=ngram_entropies.to_dict("records"),
        figures=[_figure(entry, experiment.name) for entry in figures],
        samples={heading: text[:EXCERPT_CHARACTERS] for heading, text in samples.items()},
    )


def summarise_size(
    experiment: Experiment,
    size: str,
    parameter_count: int,
    metrics: pd.DataFrame,
    ngram_entropies: pd.DataFrame,
) -> dict[str, Any]:
    """What the page's table says of one size: its run, and seed means at the first and last step.

    `bigram_step` is the mean step at which the seeds' training losses pass the bigram entropy (None
    if a seed does not), `lowest_val_loss` the lowest seed mean of the validation loss.
    """
    of_size = metrics[metrics["size"] == size]
    by_step = of_size.groupby("step")[["order_parameter", "train_loss", "val_loss"]].mean()
    bigram = float(ngram_entropies["train_entropy"][ngram_entropies["order"] == 2].iloc[0])
    crossings = find_crossings(of_size, bigram)
    return {
        "size": size,
        "run": experiment.runs[size],
        "parameters": parameter_count,
        "first": by_step.iloc[0].to_dict(),
        "last": by_step.iloc[-1].to_dict(),
        "lowest_val_loss": float(by_step["val_loss"].min()),
        "lowest_val_step": int(by_step.index.to_numpy()[by_step["val_loss"].to_numpy().argmin()]),
        "bigram_step": float(crossings["step"].mean()) if len(crossings) == len(experiment.seeds) else None,
    }


def _figure(entry: FigureEntry, experiment: str) -> dict[str, Any]:
    svg = entry.svg.read_text(encoding="utf-8")
    width = re.search(r'<svg [^>]*?\bwidth="([\d.]+)pt"', svg)
    # Captions are written for Snakemake's report, which renders them with the job's wildcards.
    wildcards = SimpleNamespace(experiment=experiment)
    caption = jinja2.Template(entry.caption.read_text(encoding="utf-8")).render(
        snakemake=SimpleNamespace(wildcards=wildcards)
    )
    return {
        "name": entry.name,
        "data": base64.b64encode(svg.encode()).decode("ascii"),
        "narrow": width is not None and float(width[1]) < NARROW_POINTS,
        "caption": " ".join(caption.split()),
    }
