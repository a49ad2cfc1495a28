"""Which experiments there are, and the files that the workflow's rules take and make of one.

An experiment is either trained here, or a replay, whose runs, and the corpora that they learnt, come from
its record in results/recorded/. Paths are relative to the project's folder.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from orderparam.archive.record import Record
from orderparam.errors import ConfigError, RecordError
from orderparam.figure_register import EXPERIMENT, FIGURES, PUSHED_CODE, Sources, figure_tables
from orderparam.files import read_json
from orderparam.settings.config import Settings, find_experiment
from orderparam.settings.experiment import RESERVED_EXPERIMENTS, Experiment, Run, Seeds
from orderparam.settings.words import find
from orderparam.tables import PARTIAL

USUAL_CHARACTERS = 1_115_394


def check_target(target: str, settings: Settings) -> None:
    """ConfigError, with the known ones, for a target under results/ of an unknown experiment or figure.

    Snakemake itself says of such a target only that no rule makes it.
    """
    parts = PurePosixPath(target).parts
    if parts[:1] != ("results",) or len(parts) < 3 or parts[1] in (*RESERVED_EXPERIMENTS, "known_systems"):
        return
    find_experiment(settings, parts[1])
    if parts[2] == "figures" and len(parts) == 4:
        find("there is no figure", PurePosixPath(parts[3]).stem, FIGURES[EXPERIMENT])


def find_run(experiment: Experiment, size: str) -> Run:
    """How a size is trained; ConfigError if there is no such size, or if nothing is trained."""
    if experiment.replay_of:
        raise ConfigError(
            f"experiment {experiment.name!r} replays what is recorded of {experiment.replay_of!r}: it has no "
            "runs of its own"
        )
    return find(f"experiment {experiment.name} has no size", size, experiment.runs)


def find_seeds(experiment: Experiment, job: str) -> tuple[Seeds, ...]:
    """The seeds that a job trains; ConfigError if there is no such job."""
    return find(f"experiment {experiment.name} has no training job", job, experiment.jobs)


def job_of_seed(experiment: Experiment, seed: int) -> str:
    """The job that trains a seed; ConfigError if there is no such seed."""
    jobs = {each.seed: job for job, seeds in experiment.jobs.items() for each in seeds}
    return find(f"experiment {experiment.name} has no seed", seed, jobs)


def checkpoints_to_start_from(experiment: Experiment, size: str, job: str) -> str | list[str]:
    """The checkpoints of the entry that `start_from` names, of the same seeds; [] if it names none."""
    source = find_run(experiment, size).start_from
    return f"results/{experiment.name}/runs/{source}/{job}/checkpoints" if source else []


def characters_of(corpus: str) -> int:
    """The length of a text; that of Tiny Shakespeare where it has not been read yet."""
    path = Path(f"results/corpora/{corpus}/vocabulary.json")
    try:
        return int(read_json(path)["tokens"])
    # The jobs that read it report what is wrong with it.
    except (RecordError, KeyError, TypeError, ValueError, OverflowError):
        return USUAL_CHARACTERS


def settings_of(run: Run) -> dict[str, Any]:
    """How a size is trained, as plain values; of any device and threads, so that these make nothing anew."""
    return replace(run, device="auto", threads=1).to_dict()


def name_in_ledger(experiment: Experiment) -> str:
    """The experiment whose claims it is judged by: a replay, by those on what was recorded."""
    return experiment.name if experiment.is_published else experiment.replay_of or experiment.name


def one_of_each_record(experiments: Iterable[Experiment]) -> list[str]:
    """Names of experiments; of those drawn from one record the last, as `replay` is another name of one."""
    return list({name_in_ledger(each): each.name for each in experiments}.values())


def label_of(experiment: Experiment) -> str:
    """Its name for readers, which says where numbers are the author's."""
    return experiment.name + (" (the author's values, not run here)" if experiment.is_published else "")


def runs_of(experiment: Experiment) -> dict[str, dict[str, Any]]:
    """How each size is trained."""
    return {size: settings_of(run) for size, run in experiment.runs.items()}


def field_of_runs(experiment: Experiment, name: str) -> dict[str, Any]:
    """One of the settings of each size."""
    return {size: getattr(run, name) for size, run in experiment.runs.items()}


def seeds_of_the_same_weights(experiment: Experiment) -> dict[str, list[int]]:
    """Of each size the runs that begin with the initial weights of the experiment's first seed."""
    seeds = [each.seed for each in experiment.seeds if each.weights == experiment.seeds[0].weights]
    return dict.fromkeys(experiment.runs, seeds)


def record_of(experiment: Experiment) -> Record | None:
    """The record of a replayed experiment; None for one that is trained here, or that the author ran."""
    if experiment.replay_of is None or experiment.is_published:
        return None
    return Record(f"results/recorded/{experiment.replay_of}")


def files_of_record(experiment: Experiment) -> list[str]:
    """All files of its record; none for an experiment that is trained here."""
    record = record_of(experiment)
    return [str(path) for path in record.files] if record else []


def missing_runs(experiment: Experiment) -> list[str]:
    """What a replayed experiment asks for and its record lacks, a phrase for each size."""
    record = record_of(experiment)
    return record.missing_runs() if record else []


def corpus_folder(experiment: Experiment, corpus: str) -> str:
    """Where a corpus lies: of a replay, as it was recorded with the runs."""
    origin = experiment.replay_of
    return f"results/recorded/{origin}/corpora/{corpus}" if origin else f"results/corpora/{corpus}"


def corpora_files(experiment: Experiment, name: str) -> list[str]:
    """A file of each corpus that an experiment rests on, its own first."""
    corpora = dict.fromkeys([experiment.corpus, *(run.corpus for run in experiment.runs.values())])
    return [f"{corpus_folder(experiment, corpus)}/{name}" for corpus in corpora]


def tables_of_jobs(experiment: Experiment, name: str) -> list[str]:
    """A table of every training job; RecordError for one that was not recorded.

    Text is scored of the largest size's first job only, in a record wherever it was. Of a record's jobs only
    some may have been probed.
    """
    record, scored = record_of(experiment), name == "sample_quality.csv"
    if record:
        return [str(job.table(name)) for job in record.jobs() if job.has(name) or name not in PARTIAL]
    sizes, jobs = [*experiment.runs], [*experiment.jobs]
    return [
        f"results/{experiment.name}/runs/{size}/{job}/{name}"
        for size in (sizes[-1:] if scored else sizes)
        for job in (jobs[:1] if scored else jobs)
    ]


def samples_of(experiment: Experiment) -> list[str]:
    """A sample of each size's first seed, in evaluation mode and, where configured, with dropout."""
    if experiment.is_published:
        return []
    folder = f"results/{experiment.name}/samples"
    record = record_of(experiment)
    if record:
        return [f"{folder}/{path.parent.name}/{path.name}" for path in record.samples()]
    modes = ["evaluation", "dropout"] if experiment.sampling.with_dropout else ["evaluation"]
    seed = experiment.seeds[0].seed
    return [f"{folder}/{size}/seed-{seed}-{mode}.txt" for size in experiment.runs for mode in modes]


def comparisons_of(experiment: Experiment) -> list[str]:
    """Its comparison with published values, if any, and that of the pushed code where its figures show it."""
    own = tables_to_judge(experiment, ["comparison.csv"])
    shown = any(PUSHED_CODE in FIGURES[EXPERIMENT][figure].values() for figure in experiment.figures)
    return [*own, PUSHED_CODE] if own and shown else own


def figures_of(experiment: Experiment, *suffixes: str) -> list[str]:
    """The files of an experiment's figures, with each suffix (.svg, .png)."""
    folder = f"results/{experiment.name}/figures"
    return [f"{folder}/{figure}{suffix}" for figure in experiment.figures for suffix in suffixes]


def everything_of(experiment: Experiment) -> list[str]:
    """What `rule all` builds of an experiment."""
    tables = [f"results/{experiment.name}/{name}" for name in ("metrics.csv", "derivative.csv")]
    page = f"results/{experiment.name}/write_up.html"
    return [*tables, page, *figures_of(experiment, ".svg", ".png"), *samples_of(experiment)]


def figure_inputs(experiment: Experiment, figure: str, published: str = "config/published") -> Sources:
    """The tables of a figure by argument, and the vocabularies, which tell of a stand-in."""
    tables = figure_tables(
        EXPERIMENT,
        figure,
        results=f"results/{experiment.name}",
        corpus=corpus_folder(experiment, experiment.corpus),
        published=published,
    )
    if not experiment.compare_with_published:
        tables.pop("published", None)
    elif experiment.is_published:
        tables = {name: path for name, path in tables.items() if name not in ("metrics", "derivative")}
    return {"vocabularies": corpora_files(experiment, "vocabulary.json"), **tables}


def tables_of_figures(experiment: Experiment, published: str = "config/published") -> dict[str, list[str]]:
    """The paths of the tables of each of an experiment's figures."""
    found = {}
    for figure in experiment.figures:
        sources = figure_inputs(experiment, figure, published).values()
        paths = (path for each in sources for path in ([each] if isinstance(each, str) else each))
        found[figure] = sorted(path for path in paths if path.endswith(".csv"))
    return found


def sizes_on_own_corpus(experiment: Experiment) -> list[str]:
    """The sizes that train on the experiment's corpus, whose n-gram entropies the figures show."""
    return [size for size, run in experiment.runs.items() if run.corpus == experiment.corpus]


def tables_to_judge(experiment: Experiment, names: Iterable[str]) -> list[str]:
    """Those of the tables that an experiment can have.

    Only some are compared with published values. A record has no checkpoints, and perhaps no probes of them.
    """
    lacking = set() if experiment.compare_with_published else {"comparison.csv"}
    if experiment.is_published:
        lacking = {"comparison.csv", "verification.csv", *PARTIAL}
    lacking.update(name for name in PARTIAL if not tables_of_jobs(experiment, name))
    return [f"results/{experiment.name}/{name}" for name in names if name not in lacking]
