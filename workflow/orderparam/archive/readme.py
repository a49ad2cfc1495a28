"""The README of a record: what was run where, what is missing, and published against measured values."""

from __future__ import annotations

import re
from pathlib import Path

import jinja2
import pandas as pd

from orderparam.analysis.published_values import compare_with_published, describe_row, summarise_comparison
from orderparam.archive.job import FinishedJob
from orderparam.archive.record import Record
from orderparam.tables import COMPARISON, METRICS, VERIFICATION
from orderparam.training.schedule import checkpoint_steps

TEMPLATE = Path(__file__).parents[1] / "pages" / "templates" / "record_readme.md.j2"


def render_readme(record: Record, published: pd.DataFrame | None) -> str:
    """The README's Markdown; `published` as in config/published/order_parameter.csv, None without one."""
    experiment, jobs = record.experiment(), record.jobs()
    weights = experiment.seeds[0].weights
    comparison = COMPARISON.frame([]) if published is None else _compare(jobs, weights, published)
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, trim_blocks=True, keep_trailing_newline=True
    )
    environment.filters["literal"] = _literal
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        experiment=experiment,
        jobs=jobs,
        missing=record.missing_runs(),
        unverified=_partly_verified(jobs),
        weights=weights,
        compared=published is not None,
        comparison=[describe_row(row) for row in comparison.to_dict("records")],
        summary=summarise_comparison(comparison),
    )


def _partly_verified(jobs: list[FinishedJob]) -> list[str]:
    """The runs of whose checkpoints some were not recomputed, with how many were."""
    found = []
    for job in jobs:
        made = len(checkpoint_steps(job.run))
        for row in VERIFICATION.read(job.table("verification.csv")).to_dict("records"):
            if row["checkpoints"] < made:
                found.append(f"{job.run.size} seed {row['seed']}: {row['checkpoints']} of {made} checkpoints")
    return found


def _literal(text: str) -> str:
    """What another machine calls itself, as Markdown that shows it as it is: no link, no HTML."""
    return re.sub(r"([\\`*_<>\[\]])", r"\\\1", text)


def _compare(jobs: list[FinishedJob], weights: int, published: pd.DataFrame) -> pd.DataFrame:
    """`compare_with_published` for the recorded runs from these initial weights."""
    metrics = pd.concat([METRICS.read(job.table("metrics.csv")) for job in jobs], ignore_index=True)
    seeds: dict[str, list[int]] = {}
    for job in jobs:
        seeds.setdefault(job.run.size, []).extend(s.seed for s in job.seeds if s.weights == weights)
    return compare_with_published(metrics, published, seeds)
