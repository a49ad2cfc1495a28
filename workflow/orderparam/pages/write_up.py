"""The write-up: figures, numbers and samples of one experiment in, one self-contained HTML page out."""

from __future__ import annotations

import platform
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from orderparam.analysis.derivative import find_crossings
from orderparam.analysis.published_values import describe_row, summarise_comparison
from orderparam.environment import git_state, package_versions
from orderparam.figures.style import describe_seeds
from orderparam.pages.page import embed_figure, embed_table, quote_short_answer, render_page
from orderparam.pages.provenance import Job, draw_rules
from orderparam.settings.experiment import Experiment
from orderparam.tables import find_entropies
from orderparam.text.vocabulary import corpus_label

TEMPLATE = "write_up.html.j2"
EXCERPT_CHARACTERS = 600
PACKAGES = ("torch", "numpy", "pandas", "matplotlib", "snakemake")
# Which figures a section shows; those of none are further figures.
SECTIONS = {
    "curves": ("fig4_loss_vs_order_parameter", "fig5_loss_derivative_vs_order_parameter"),
    "slope": ("transition_loss_slope", "loss_and_floors", "attention_and_ngrams"),
    "sweeps": ("decay_sweep", "equilibrium", "sharpening_with_width"),
    "published": ("published_and_measured",),
    "training": ("fig3_loss_vs_steps",),
    "background": ("fig1_hmmt", "fig2_architecture"),
}
# What the page calls settings of a size.
PROTOCOL = {
    "d_model": "width",
    "n_head": "heads",
    "n_layer": "layers",
    "attention": "attention",
    "logit_factor": "factor of attention's logits",
    "value_output_scale": "scale of initial values and outputs",
    "context": "context",
    "start_from": "starts from",
    "batch_size": "batch",
    "optimizer": "optimizer",
    "learning_rate": "learning rate",
    "regularizer": "regularizer",
    "weight_decay": "weight decay",
    "dropout": "dropout",
    "steps": "steps",
}


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
    figures: Mapping[Path, Sequence[str]],
    samples: Mapping[str, str],
    comparison: pd.DataFrame | None = None,
    missing: Sequence[str] = (),
    answer: str = "",
    quality: pd.DataFrame | None = None,
    jobs: Sequence[Job] = (),
    pushed: pd.DataFrame | None = None,
) -> tuple[str, str]:
    """The page's HTML, and its findings in a line. Every number in them comes from the arguments.

    `corpora` holds those of all sizes, `figures` maps the SVG files to the paths of their tables, `samples` a
    heading to sampled text, `comparison` is that with published values, `missing` says which runs a record
    lacks, `answer` is README.md, whose answer is quoted, `quality` a tables.SAMPLE_QUALITY, `jobs` are the
    records of the jobs behind the page, and `pushed` is the comparison of the article's pushed code, shown
    beside. Losses are in nats per character.
    """
    by_name = {corpus.record["corpus"]: corpus for corpus in corpora}
    sizes = [
        summarise_size(experiment, size, parameter_counts[size], metrics, by_name[run.corpus])
        for size, run in experiment.runs.items()
    ]
    agreement = [] if comparison is None else summarise_comparison(comparison)
    of_pushed = {} if pushed is None else {_place(row): row for row in summarise_comparison(pushed)}
    rows, common = describe_protocol(sizes)
    commit, dirty = git_state()
    embedded = [
        {**embed_figure(svg, experiment.name, tables), "number": number}
        for number, (svg, tables) in enumerate(figures.items(), 1)
    ]
    names = [figure["name"] for figure in embedded]
    # Of a sweep or of controls the first figure says what was found.
    own = "" if set(names) & set(SECTIONS["curves"]) or not embedded else embedded[0]["finding"]
    findings = f"{own}." if own else find(sizes, agreement)
    placed = {name for section in SECTIONS.values() for name in section}
    places = {**SECTIONS, "further": tuple(name for name in names if name not in placed)}
    page = render_page(
        TEMPLATE,
        [corpus.record for corpus in corpora],
        experiment=experiment,
        corpora=corpora,
        seeds=describe_seeds(seeds.seed for seeds in experiment.seeds),
        sizes=sizes,
        protocol=rows,
        common=common,
        answer=quote_short_answer(answer),
        findings=findings,
        figures=embedded,
        shown=lambda section: [name for name in places[section] if name in names],
        tables=[embed_table(path) for path in sorted({path for paths in figures.values() for path in paths})],
        quality=[] if quality is None else summarise_quality(quality),
        environment={
            "commit": f"{commit or 'unknown'}{' and changes' if dirty else ''}",
            "python": platform.python_version(),
            **package_versions(PACKAGES),
        },
        samples={heading: text[:EXCERPT_CHARACTERS] for heading, text in samples.items()},
        comparison=[] if comparison is None else [describe_row(row) for row in comparison.to_dict("records")],
        agreement=[[row, of_pushed.get(_place(row))] for row in agreement],
        beside=bool(of_pushed),
        rules=draw_rules(jobs),
        missing=missing,
    )
    return page, findings


def find(sizes: Sequence[Mapping[str, Any]], agreement: Sequence[Mapping[str, Any]]) -> str:
    """What the experiment found, in one line of plain text."""
    moved = [
        row
        for row in sizes
        if row["last"]["order_parameter"] > row["first"]["order_parameter"]
        and row["last"]["train_loss"] < row["first"]["train_loss"]
    ]
    passed = [row for row in sizes if row["bigram_step"] is not None]
    where = [f"{row['size']} at step {row['bigram_step']:,.0f}" for row in passed]
    named = f" ({', '.join(where)})" if 0 < len(where) <= 4 else ""
    parts = [
        f"b rises and the loss falls, first to last step, in {len(moved)} of {len(sizes)} sizes",
        f"{len(passed)} pass the bigram entropy{named}",
    ]
    judged = sum(row["judged"] for row in agreement)
    if judged:
        inside = sum(row["inside"] for row in agreement)
        parts.append(f"{inside} of {judged} published values agree")
    return "; ".join(parts) + "."


def describe_protocol(sizes: Sequence[Mapping[str, Any]]) -> tuple[list[dict[str, str]], dict[str, str]]:
    """How each size is trained, by column, where sizes differ; and what several sizes have in common."""
    rows = []
    for row in sizes:
        values = {name: row[name] for name in ("size", "corpus", "runs", "parameters")}
        values |= {told: getattr(row["run"], name) for name, told in PROTOCOL.items()}
        rows.append({name: _in_words(value) for name, value in values.items()})
    common = {
        name: value
        for name, value in rows[0].items()
        if len(rows) > 1 and all(row[name] == value for row in rows)
    }
    return [{name: row[name] for name in row if name not in common} for row in rows], common


def _in_words(value: Any) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:g}" if isinstance(value, float) else str(value or "initial weights")


def _place(row: Mapping[str, Any]) -> tuple[str, str]:
    return row["size"], row["label"]


def summarise_quality(quality: pd.DataFrame) -> list[dict[str, Any]]:
    """Of each quantity the mean score of the text at each checkpoint, by size and checkpoint."""
    quality = quality.assign(of=quality["size"] + ", " + quality["checkpoint"] + " checkpoint")
    means = quality.pivot_table("value", "quantity", "of", sort=False)
    return [
        {"quantity": str(name).replace("_", " "), "scores": row.to_dict()} for name, row in means.iterrows()
    ]


def summarise_size(
    experiment: Experiment,
    size: str,
    parameter_count: int,
    metrics: pd.DataFrame,
    corpus: Corpus,
) -> dict[str, Any]:
    """What the page's table says of one size: its run, and seed means at the first and last step.

    `bigram_step` is the mean step at which the seeds' training losses pass the bigram entropy of their
    corpus (None if a seed does not; the first below it, of published values), `lowest_val_loss` the lowest
    seed mean of the validation loss.
    """
    of_size = metrics[metrics["size"] == size]
    by_step = of_size.groupby("step")[["order_parameter", "train_loss", "val_loss"]].mean()
    bigram = find_entropies(corpus.ngram_entropies, (2,))[2]
    crossings = find_crossings(of_size, bigram)
    if experiment.is_published:
        # Published steps are too far apart to interpolate: the first that is below.
        crossings = of_size[of_size["train_loss"] < bigram].nsmallest(1, "step")
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
