"""Experiments that are drawn from recorded runs: nothing is trained."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from orderparam.archive.record import Record
from orderparam.errors import RecordError
from orderparam.figure_register import EXPERIMENT, FIGURES
from orderparam.settings.config import RECORDED_FOLDER, Settings
from orderparam.settings.experiment import PUBLISHED, Experiment


def with_recorded(settings: Settings, root: Path) -> Settings:
    """The settings with the experiments that `settings.recorded` names, from their records below `root`.

    Each is as its namesake in config/experiments/ says, or as it was recorded where there is none. Those
    whose record is missing or damaged are among `unreadable`, with the reason.
    """
    experiments, unreadable = dict(settings.experiments), {}
    for name, origin in settings.recorded.items():
        try:
            record = Record(root / RECORDED_FOLDER / origin)
            namesake = settings.experiments.get(origin)
            experiments[name] = (
                publish(record, namesake) if name == PUBLISHED else replay(name, record, namesake)
            )
        except RecordError as error:
            unreadable[name] = str(error)
    return replace(settings, experiments=experiments, unreadable=unreadable)


def publish(record: Record, namesake: Experiment | None) -> Experiment:
    """The author's published tables as an experiment of the recorded protocol, one run of each size.

    Of the record only the corpora are used.
    """
    recorded = record.experiment()
    configured = namesake or recorded
    return replace(
        recorded,
        name=PUBLISHED,
        description=(
            "The author's published values, of one run a size on the author's own machine: not run here. "
            "Ten checkpoints of each are published; the sizes and the protocol are those of "
            f"{configured.name}."
        ),
        compare_with_published=True,
        seeds=recorded.seeds[:1],
        runs={size: replace(run, experiment=PUBLISHED) for size, run in recorded.runs.items()},
        figures=_drawn(configured, "comparison"),
        replay_of=recorded.name,
    )


def replay(name: str, record: Record, namesake: Experiment | None) -> Experiment:
    """The experiment `name` of the recorded runs, with the seeds of any size; else as its namesake says."""
    recorded, jobs = record.experiment(), record.jobs()
    configured = namesake or recorded
    seeds = {each.seed: each for job in jobs for each in job.seeds}
    # A record need not have probes of its checkpoints.
    probed = any(job.has("probes.csv") for job in jobs)
    drawn = f"{configured.description} Drawn from the recorded runs of {configured.name}, without training."
    return replace(
        recorded,
        name=name,
        description=drawn,
        compare_with_published=configured.compare_with_published,
        seeds=tuple(seeds[number] for number in sorted(seeds)),
        runs={job.run.size: replace(job.run, experiment=name) for job in jobs},
        figures=_drawn(configured, *([] if probed else ["probes"])),
        replay_of=recorded.name,
    )


def _drawn(configured: Experiment, *lacking: str) -> tuple[str, ...]:
    """Its figures but for those of tables that are lacking, and those that a record outlived."""
    tables = FIGURES[EXPERIMENT]
    return tuple(
        name for name in configured.figures if name in tables and not {*lacking} & tables[name].keys()
    )
