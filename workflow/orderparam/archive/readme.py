"""The README of a record: what was run where, what is missing, and published against measured values."""

from __future__ import annotations

from pathlib import Path

import jinja2
import pandas as pd

from orderparam.analysis.published_values import (
    compare_with_published,
    describe_row,
    summarise_comparison,
)
from orderparam.archive.job import FinishedJob
from orderparam.archive.record import Record
from orderparam.tables import COMPARISON, METRICS

TEMPLATE = Path(__file__).parents[1] / "pages" / "templates" / "record_readme.md.j2"


def render_readme(record: Record, published: pd.DataFrame | None) -> str:
    """The README's Markdown; `published` as in config/published/order_parameter.csv, None without one."""
    experiment, jobs = record.experiment(), record.jobs()
    comparison = COMPARISON.frame([]) if published is None else compare_record(record, published)
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, trim_blocks=True, keep_trailing_newline=True
    )
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        experiment=experiment,
        runs=[row for job in jobs for row in _rows(job)],
        missing=record.missing_runs(),
        weights=experiment.seeds[0].weights,
        compared=published is not None,
        comparison=[describe_row(row) for row in comparison.to_dict("records")],
        summary=summarise_comparison(comparison),
    )


def compare_record(record: Record, published: pd.DataFrame) -> pd.DataFrame:
    """`compare_with_published` for the recorded runs from the initial weights of the first seed."""
    weights = record.experiment().seeds[0].weights
    jobs = record.jobs()
    metrics = pd.concat([METRICS.read(job.table("metrics.csv")) for job in jobs], ignore_index=True)
    seeds: dict[str, list[int]] = {}
    for job in jobs:
        seeds.setdefault(job.run.size, []).extend(s.seed for s in job.seeds if s.weights == weights)
    return compare_with_published(metrics, published, seeds)


def _rows(job: FinishedJob) -> list[dict[str, str | int]]:
    environment = job.environment
    return [
        {
            "size": job.run.size,
            "seed": seeds.seed,
            "weights": seeds.weights,
            "draws": f"{seeds.batches}, {seeds.dropout}",
            "steps": f"{job.run.steps:,}",
            "hours": f"{environment['seconds'] / 3600:.2f}",
            "device": environment["device_name"],
            "torch": environment["torch"],
            "commit": str(environment["git_commit"])[:10] + (" and changes" if environment["dirty"] else ""),
        }
        for seeds in job.seeds
    ]
