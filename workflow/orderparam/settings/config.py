"""The configuration: read, checked as a whole before anything runs, and resolved into experiments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from orderparam.archive.record import Record
from orderparam.environment import git_state
from orderparam.errors import ConfigError, RecordError
from orderparam.settings.config_checks import CONFIG_FILE, check_experiment, check_file_name, check_sources
from orderparam.settings.experiment import Experiment, Run, Sampling, Seeds
from orderparam.settings.schema import Place, Problem, check, fill_defaults, load_schema, show, suggest
from orderparam.settings.yaml_file import YamlFileError, read_yaml

EXPERIMENTS_FOLDER = "config/experiments"
RECORDED_FOLDER = "results/recorded"


@dataclass(frozen=True)
class Settings:
    """The whole configuration, valid and complete.

    `experiment` is the one that `rule all` builds, `experiments` holds all of config/experiments/.
    A relative `corpus_mirror` is relative to the project folder. `corpora` and `tracking` are as in
    config/config.yaml, with the defaults filled in. `unreadable` holds the experiments that rest on a
    record that is missing or damaged, and why, for they are no obstacle to the others.
    """

    experiment: str
    corpus_mirror: Path | None
    corpora: dict[str, dict[str, Any]]
    tracking: dict[str, Any]
    experiments: dict[str, Experiment]
    unreadable: dict[str, str]


def load_settings(config: Mapping[str, Any] | None, root: Path) -> Settings:
    """Check `config`, as Snakemake merged it, and every experiment file under the project folder `root`.

    `config` is None where config/config.yaml cannot be read; the other files are checked all the same.
    Raises ConfigError, which lists all problems of all files: file, key, value found, what is allowed.
    """
    lines: list[str] = []
    own: dict[Any, Any] = {}
    try:
        # Snakemake has read the file before; its faults as a file, such as a key twice, show only here.
        own = read_yaml(root / CONFIG_FILE)
    except YamlFileError as error:
        lines += [f"{CONFIG_FILE}: {problem}" for problem in error.problems]
        own = error.mapping or {}

    problems: list[Problem] = []
    valid: dict[Any, Any] = {}
    corpora = None
    if config is not None:
        schema = load_schema("config")
        problems, valid = check(schema, fill_defaults(schema, dict(config)))
        problems += check_sources(valid, {problem.place for problem in problems})
        if isinstance(config.get("corpora"), dict):
            corpora = [name if isinstance(name, str) else show(name) for name in config["corpora"]]

    names, documents = [], {}
    experiment_lines: list[str] = []
    for path in _experiment_paths(root):
        names.append(path.stem)
        messages, document = _read_experiment(path, corpora)
        file = path.name if path.name.isprintable() else show(path.name)
        experiment_lines += [f"{EXPERIMENTS_FOLDER}/{file}: {message}" for message in messages]
        documents[path.stem] = document
    if not names:
        experiment_lines.append(f"{EXPERIMENTS_FOLDER}: found no experiment; add a file <name>.yaml")
    elif valid.get("experiment", names[0]) not in names:
        found = valid["experiment"]
        allowed = f"no such experiment in {EXPERIMENTS_FOLDER}; {suggest(found, names)}"
        problems.append(Problem(("experiment",), show(found), allowed))

    lines += [f"{_origin(problem.place, config, own)}: {problem}" for problem in problems] + experiment_lines
    if lines:
        count = f"{len(lines)} error{'s' if len(lines) > 1 else ''}"
        raise ConfigError("\n  ".join([f"The configuration has {count}; nothing was run:", *lines]))
    experiments: dict[str, Experiment] = {}
    unreadable: dict[str, str] = {}
    for name, document in documents.items():
        try:
            experiments[name] = _resolve(name, document, root)
        except RecordError as error:
            unreadable[name] = str(error)
    mirror = valid["corpus_mirror"]
    return Settings(
        experiment=valid["experiment"],
        corpus_mirror=None if mirror is None else Path(mirror).expanduser(),
        corpora=valid["corpora"],
        tracking=valid["tracking"],
        experiments=experiments,
        unreadable=unreadable,
    )


def check_readable(root: Path) -> None:
    """To be called before Snakemake reads config/config.yaml, since its message names no file, line or key.

    Raises ConfigError, with the errors of all files, if the file cannot be read as one mapping. Repeated keys
    are left to `load_settings`, for Snakemake can read them.
    """
    try:
        read_yaml(root / CONFIG_FILE)
    except YamlFileError as error:
        if error.mapping is None:
            load_settings(None, root)


def _experiment_paths(root: Path) -> list[Path]:
    """Files with a wrong suffix are among them, for the check of the names; hidden files are not."""
    folder = root / EXPERIMENTS_FOLDER
    paths = folder.iterdir() if folder.is_dir() else []
    wanted = (path for path in paths if path.suffix.lower() in (".yaml", ".yml"))
    return sorted(path for path in wanted if not path.name.startswith("."))


def _read_experiment(path: Path, corpora: list[str] | None) -> tuple[list[str], dict[Any, Any]]:
    """The problems of an experiment's file, and what it says where there are none."""
    messages = list(check_file_name(path))
    try:
        document = read_yaml(path)
    except YamlFileError as error:
        return messages + error.problems, {}
    schema = load_schema("replay" if "replay_of" in document else "experiment")
    problems, valid = check(schema, fill_defaults(schema, document))
    problems += check_experiment(valid, corpora)
    return messages + [str(problem) for problem in problems], valid


def _origin(place: Place, config: Any, own: Any) -> str:
    """Where the faulty value was set: config.yaml, or an override if `own`, that file's content, differs."""
    for part in place:
        config, own = _item(config, part), _item(own, part)
    return CONFIG_FILE if config == own else f"{CONFIG_FILE} (overridden by --config or --configfile)"


def _item(value: Any, part: str | int) -> Any:
    try:
        return value[part]
    except (KeyError, IndexError, TypeError):
        return None


def _resolve(name: str, document: dict[str, Any], root: Path) -> Experiment:
    """An experiment from a document that is valid and has its defaults filled in; may raise RecordError."""
    if "replay_of" in document:
        record = Record(root / RECORDED_FOLDER / document["replay_of"])
        keys = ("description", "compare_with_published", "figures")
        return record.replayed(name, *(document[key] for key in keys))
    shared = {"corpus": document["corpus"], **document["training"], **document["measurement"]}
    entries = {size: {**shared, **own} for size, own in document["sizes"].items()}
    verified = {size: values.pop("verified_checkpoints") for size, values in entries.items()}
    probed = {size: values.pop("probe_windows") for size, values in entries.items()}
    sampling = {**document["sampling"], "temperature": float(document["sampling"]["temperature"])}
    return Experiment(
        name=name,
        description=document["description"],
        corpus=document["corpus"],
        compare_with_published=document["compare_with_published"],
        seeds=tuple(_resolve_seeds(item) for item in document["seeds"]),
        seeds_per_job=document["seeds_per_job"],
        runs={size: _resolve_run(name, size, values) for size, values in entries.items()},
        verified_checkpoints=verified,
        probe_windows=probed,
        sampling=Sampling(**sampling),
        figures=tuple(document["figures"]),
    )


def _resolve_run(experiment: str, size: str, values: dict[str, Any]) -> Run:
    # A 1 and a 1.0 in a file must give the same digest.
    numbers = {key: float(values[key]) for key in ("learning_rate", "weight_decay", "dropout")}
    betas = [float(beta) for beta in values["betas"]]
    return Run.from_dict({**values, **numbers, "betas": betas, "experiment": experiment, "size": size})


def _resolve_seeds(item: int | dict[str, int]) -> Seeds:
    seeds = {"seed": item} if isinstance(item, int) else item
    return Seeds(**{**dict.fromkeys(("weights", "batches", "dropout"), seeds["seed"]), **seeds})


def _find(kind: str, name: str, known: Mapping[str, Any]) -> Any:
    if name not in known:
        raise ConfigError(f"no {kind} {show(name)}; {suggest(name, list(known))}")
    return known[name]


def load_project_settings(root: Path) -> Settings:
    """The configuration as the files under the project folder `root` have it, without any override."""
    try:
        config: dict[Any, Any] | None = read_yaml(root / CONFIG_FILE)
    except YamlFileError as error:
        config = error.mapping
    return load_settings(config, root)


def find_experiment(settings: Settings, name: str) -> Experiment:
    """The experiment of this name; ConfigError, with the known names, if there is none."""
    if name in settings.unreadable:
        raise RecordError(f"experiment {name}: {settings.unreadable[name]}")
    found: Experiment = _find("experiment", name, settings.experiments)
    return found


def describe_run(
    settings: Settings,
    experiment_name: str,
    size: str,
    seeds: Sequence[int] | None = None,
    precision: str | None = None,
    steps: int | None = None,
) -> dict[str, Any]:
    """All that training, verification and sampling of a size need, as JSON values.

    The run may have only some of the experiment's seeds, another precision or fewer steps: what a record of
    the experiment may hold as well. ConfigError if it has no such size, seed or number of steps.
    """
    experiment = find_experiment(settings, experiment_name)
    run: Run = _find("size", size, experiment.runs)
    known = [item.seed for item in experiment.seeds]
    if unknown := set(seeds or ()).difference(known):
        raise ConfigError(
            f"{experiment.name} has no seed {min(unknown)}; its seeds are {', '.join(map(str, known))}"
        )
    steps = run.steps if steps is None else steps
    if not 1 <= steps <= run.steps:
        raise ConfigError(f"--steps {steps}: {run.experiment} {size} has 1 to {run.steps}")
    return {
        "run": replace(run, precision=precision or run.precision, steps=steps).to_dict(),
        "seeds": [asdict(item) for item in experiment.seeds if seeds is None or item.seed in seeds],
        "verified_checkpoints": experiment.verified_checkpoints[size],
        "sampling": asdict(experiment.sampling),
        # For machines to which the repository's files are carried without its history.
        "commit": git_state()[0],
    }
