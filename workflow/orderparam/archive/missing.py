"""What an experiment asks for and its record lacks."""

from __future__ import annotations

from orderparam.archive.record import Record


def missing_runs(record: Record) -> list[str]:
    """What the experiment asks for and the record lacks, a phrase for each size."""
    experiment = record.experiment()
    found: dict[str, dict[int, int]] = {}
    for job in record.jobs():
        found.setdefault(job.run.size, {}).update({seed.seed: job.run.steps for seed in job.seeds})
    phrases = []
    for size, run in experiment.runs.items():
        steps = found.get(size, {})
        complete = [seed for seed in experiment.seeds if steps.get(seed.seed) == run.steps]
        if len(complete) == len(experiment.seeds):
            continue
        planned = len(experiment.seeds)
        phrase = f"{size}: {planned - len(complete)} of {planned} runs of {run.steps:,} steps"
        if short := {seed: count for seed, count in steps.items() if count < run.steps}:
            phrase += "".join(f" (seed {seed} ends at step {count:,})" for seed, count in short.items())
        phrases.append(phrase)
    return phrases
