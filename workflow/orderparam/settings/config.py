"""The configuration: read, checked as a whole before anything runs, and resolved into experiments."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from orderparam.environment import git_state
from orderparam.errors import ConfigError, RecordError
from orderparam.settings.check import Problem, check, check_file, raise_all
from orderparam.settings.config_file import CONFIG_FILE, ConfigFile, check_sources
from orderparam.settings.experiment import (
    PUBLISHED,
    PUBLISHED_PROTOCOL,
    Experiment,
    Precision,
    Run,
    Sampling,
    Seeds,
)
from orderparam.settings.experiment_file import ExperimentFile, check_experiment, check_file_name
from orderparam.settings.words import Place, find, show, show_path, suggest
from orderparam.settings.yaml_file import YamlFile, read_yaml

EXPERIMENTS_FOLDER = "config/experiments"
RECORDED_FOLDER = "results/recorded"


@dataclass(frozen=True)
class Settings:
    """The whole configuration, valid and complete.

    `experiment` is the one that `rule all` builds, `experiments` holds all of config/experiments/.
    A relative `corpus_mirror` is relative to the project folder. `corpora` and `tracking` are as in
    config/config.yaml, with the defaults filled in. `recorded` maps each experiment that is drawn from
    recorded runs to its folder of results/recorded/, and `published` to that of its protocol.
    archive.with_recorded adds them to `experiments`. Those whose record is missing or damaged it adds to
    `unreadable`, with the reason, so that they do not keep the others from being built.
    """

    experiment: str
    corpus_mirror: Path | None
    corpora: dict[str, dict[str, Any]]
    tracking: dict[str, Any]
    experiments: dict[str, Experiment]
    recorded: dict[str, str]
    unreadable: dict[str, str] = field(default_factory=dict)


def load_settings(config: Mapping[str, Any] | None, root: Path) -> Settings:
    """Check `config`, as Snakemake merged it, and every experiment file under the project folder `root`.

    `config` is None where config/config.yaml cannot be read; the other files are checked all the same.
    Raises ConfigError, which lists all problems of all files: file, line, key, value found, what is allowed.
    """
    # Read again after Snakemake, which silently takes the last of two equal keys.
    own = read_yaml(root, CONFIG_FILE)
    problems: list[Problem] = []
    valid: dict[Any, Any] = {}
    corpora = None
    if config is not None and _is_endless(config):
        problems = [Problem((), "more than 100,000 values", "write them out, without aliases (*)")]
    elif config is not None:
        problems, valid = check(ConfigFile, dict(config))
        problems += check_sources(valid, {problem.place for problem in problems})
        if isinstance(config.get("corpora"), dict):
            corpora = [str(name) for name in config["corpora"]]

    messages: list[str] = []
    documents: dict[str, dict[Any, Any]] = {}
    # Not hidden ones; of the suffix .yml, `check_file_name` says that it must be another.
    paths = sorted((root / EXPERIMENTS_FOLDER).glob("[!.]*"))
    for path in (path for path in paths if path.suffix.lower() in (".yaml", ".yml")):
        file = f"{EXPERIMENTS_FOLDER}/{path.name}"
        messages += [f"{show_path(file)}: {fault}" for fault in check_file_name(path)]
        found, documents[path.stem] = check_file(
            root, file, ExperimentFile, lambda valid, _: check_experiment(valid, corpora)
        )
        messages += found
    recorded, replay = _recorded_experiments(root), valid.get("replay")
    replayable = dict.fromkeys([*documents, *recorded.values()])
    if replay:
        recorded["replay"] = replay
    if not documents:
        messages.append(f"{EXPERIMENTS_FOLDER}: found no experiment; add a file <name>.yaml")
    elif (name := valid.get("experiment")) and name not in (known := [*documents, *recorded]):
        allowed = f"no such experiment in {EXPERIMENTS_FOLDER}; {suggest(name, known)}"
        problems.append(Problem(("experiment",), show(name), allowed))
    if config and "replay" in config and replay and replay not in replayable:
        allowed = f"neither recorded in {RECORDED_FOLDER} nor an experiment; {suggest(replay, replayable)}"
        problems.append(Problem(("replay",), show(replay), allowed))
    told = [f"{_origin(problem.place, config, own)}: {problem}" for problem in problems]
    raise_all("The configuration", own.problems + told + messages)
    mirror = valid["corpus_mirror"]
    return Settings(
        experiment=valid["experiment"],
        corpus_mirror=None if mirror is None else Path(mirror).expanduser(),
        corpora=valid["corpora"],
        tracking=valid["tracking"],
        experiments={name: _resolve(name, document) for name, document in documents.items()},
        recorded=recorded,
    )


def load_project_settings(root: Path) -> Settings:
    """The configuration as the files under the project folder `root` have it, without any override."""
    return load_settings(read_yaml(root, CONFIG_FILE).values, root)


def check_readable(root: Path) -> None:
    """Check that config/config.yaml can be read, before Snakemake does, whose message names no file or line.

    Raises ConfigError, with the errors of all files, if the file cannot be read as one mapping. Repeated keys
    are left to `load_settings`, since Snakemake reads them without an error.
    """
    if read_yaml(root, CONFIG_FILE).values is None:
        load_settings(None, root)


def find_experiment(settings: Settings, name: str) -> Experiment:
    """The experiment of this name; ConfigError, with the known names, if there is none."""
    if name in settings.unreadable:
        raise RecordError(f"experiment {name} cannot be replayed: {settings.unreadable[name]}")
    return find("there is no experiment", name, settings.experiments)


def describe_run(
    settings: Settings,
    experiment_name: str,
    size: str,
    seeds: Sequence[int] | None = None,
    precision: Precision | None = None,
    steps: int | None = None,
) -> dict[str, Any]:
    """All that training, verification and sampling of a size need, as JSON values.

    The run may have only some of the experiment's seeds, another precision or fewer steps: the experiment's
    record accepts such runs. ConfigError if the experiment has no such size, seed or number of steps.
    """
    experiment = find_experiment(settings, experiment_name)
    run = find(f"experiment {experiment.name} has no size", size, experiment.runs)
    steps = run.steps if steps is None else steps
    if not 1 <= steps <= run.steps:
        raise ConfigError(f"--steps {steps}: {run.experiment} {run.size} has 1 to {run.steps}")
    known = {item.seed: item for item in experiment.seeds}
    for seed in seeds or ():
        find(f"experiment {experiment.name} has no seed", seed, known)
    return {
        "run": replace(run, precision=precision or run.precision, steps=steps).to_dict(),
        "seeds": [asdict(item) for item in known.values() if seeds is None or item.seed in seeds],
        "verified_checkpoints": experiment.verified_checkpoints[size],
        "sampling": asdict(experiment.sampling),
        # A machine to which the files are carried without Git's history cannot find it out itself.
        "commit": git_state()[0],
    }


def _is_endless(config: Any, most: int = 100_000) -> bool:
    """Whether values that stand in several places, as YAML's aliases do, make up more than `most` of them."""
    left = [config]
    for _ in range(most):
        if not left:
            return False
        value = left.pop()
        if isinstance(value, dict | list):
            left += value.values() if isinstance(value, dict) else value
    return True


def _recorded_experiments(root: Path) -> dict[str, str]:
    """The experiments that are drawn from a folder of results/recorded/, each with the folder's name."""
    names = sorted(path.name for path in (root / RECORDED_FOLDER).glob("[a-z]*") if path.is_dir())
    recorded = {f"{name}_recorded": name for name in names if re.fullmatch("[a-z0-9_-]*", name)}
    return {**recorded, **({PUBLISHED: PUBLISHED_PROTOCOL} if PUBLISHED_PROTOCOL in names else {})}


def _origin(place: Place, config: Any, own: YamlFile) -> str:
    """Where the faulty value was set: in config.yaml, or in an override if that has another value."""
    same = _value_at(config, place) == _value_at(own.values, place)
    return own.where(place) if same else f"{CONFIG_FILE} (overridden by --config or --configfile)"


def _value_at(document: Any, place: Place) -> Any:
    """None where the document has no such place."""
    try:
        for part in place:
            document = document[part]
    except (KeyError, IndexError, TypeError):
        return None
    return document


def _resolve(name: str, document: dict[str, Any]) -> Experiment:
    """An experiment from a document that is valid and has its defaults filled in."""
    shared = {"corpus": document["corpus"], **document["training"], **document["measurement"]}
    sizes = document["sizes"].items()
    entries = {size: {**shared, **own, "experiment": name, "size": size} for size, own in sizes}
    keys = {key.name for key in fields(Run)}
    return Experiment(
        name=name,
        description=document["description"],
        corpus=document["corpus"],
        compare_with_published=document["compare_with_published"],
        seeds=tuple(_resolve_seeds(item) for item in document["seeds"]),
        seeds_per_job=document["seeds_per_job"],
        runs={
            size: Run.from_dict({key: values[key] for key in keys & values.keys()})
            for size, values in entries.items()
        },
        verified_checkpoints={size: values["verified_checkpoints"] for size, values in entries.items()},
        probe_windows={size: values["probe_windows"] for size, values in entries.items()},
        sampling=Sampling(**document["sampling"]),
        figures=tuple(document["figures"]),
    )


def _resolve_seeds(item: int | dict[str, int]) -> Seeds:
    seeds = {"seed": item} if isinstance(item, int) else item
    return Seeds(**{**dict.fromkeys(("weights", "batches", "dropout"), seeds["seed"]), **seeds})
