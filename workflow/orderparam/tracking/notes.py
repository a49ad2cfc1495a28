"""What MLflow shows as the description of an experiment and of a run, in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from orderparam.settings.yaml_file import read_yaml
from orderparam.tracking.record import Point, RunRecord

NOTE = "mlflow.note.content"
OF_TRAINING = {
    "order_parameter": "order parameter b",
    "train_loss": "training loss, nats per character",
    "val_loss": "validation loss, nats per character",
    "hidden_magnetization": "mean magnitude of h",
}
APART = {
    "known_systems": "Systems whose answers are known, measured as the language models are: "
    "Ising and Potts models, deep linear nets, Hopfield networks, and the detector of slope changes.",
    "claims": "The verdicts on the claims of config/claims.yaml, from the recorded runs.",
    "corpora": "The texts that the models learn: fetched or sampled, tokenized, their n-grams counted.",
    "benchmark": "The training engine timed against a plain model.",
}


def runs_page(experiment: str, run: str = "") -> str:
    """The address below a server of an experiment's runs, or of one of them, in the mode that shows runs."""
    return f"#/experiments/{experiment}/runs{run and '/'}{run}?workflowType=machine_learning"


def describe_experiment(name: str, root: Path, trainings: bool, other: str | None) -> str:
    """What an experiment of the store holds; `other` is the id of that with its trainings, or its jobs."""
    if name in APART:
        return APART[name]
    description = _configured(name, root)
    if trainings:
        charts = "Charts: the second of the three buttons below; of a few runs: tick them, Compare, a metric."
        text = f"{description} The training runs, one a seed. {charts}"
        link = f"[Figures, tables and all jobs]({runs_page(other)}) are apart." if other else ""
    else:
        text = f"Figures, pages, tables and all jobs of {name}. {description}"
        link = f"[The training runs and their curves]({runs_page(other)}) are apart." if other else ""
    return f"{text.strip()}\n\n{link}\n\n```sh\nsnakemake --cores 2 --config experiment={name}\n```"


def _configured(name: str, root: Path) -> str:
    """The description in the experiment's file; of recorded runs, in that of the experiment they are of."""
    for each in (name, name.removesuffix("_recorded")):
        document = read_yaml(root, f"config/experiments/{each}.yaml").values or {}
        if "description" in document:
            return str(document["description"])
    return ""


def describe_run(
    record: RunRecord, training: str, run: str, points: Iterable[Point] = (), invocation: str | None = None
) -> str:
    """What a run of a record is, what came of it, how to make it anew, and from what it was made.

    `run` is its id, `points` are those of the training, `invocation` is the address of its invocation's run.
    """
    tags = record.tags
    command = tags.get("regenerate") or tags.get("command")
    # MLflow folds all but the first lines away.
    to_do = "Make it anew" if "regenerate" in tags else "The command"
    parts = [
        _what(record, training) + (f" {to_do}:\n\n```sh\n{command}\n```" if command else ""),
        f"**{tags['error']}**" if "error" in tags else "",
        _results(points) if training else _pictures(record, run),
    ]
    if invocation:
        parts.append(f"Part of [one run of the workflow]({invocation}).")
    dirty = " with uncommitted changes" if tags.get("git.dirty") == "true" else ""
    of_machine = [tags.get("machine.gpu"), tags.get("machine.cpu"), tags.get("machine.platform")]
    versions = [f"{key[8:]} {value}" for key, value in tags.items() if key.startswith("version.")]
    parts += [
        f"Commit `{tags.get('git.commit', 'unknown')}`{dirty}. {', '.join(filter(None, of_machine))}; "
        f"{', '.join(versions)}. All of it is in `{record.file}`, here as the artifact job.json.",
        _files("Made from", record.inputs),
        _files("Made", record.outputs),
    ]
    return "\n\n".join(filter(None, parts))


def _what(record: RunRecord, training: str) -> str:
    if not training:
        return record.name + "."
    run = record.trainings[training]
    done = "trained" if "train" in training.split(" · ") else "recorded earlier and replayed"
    corpus = record.tags.get("corpus", run["corpus"])
    return (
        f"{run['size']} (width {run['d_model']}, {run['n_layer']} layers, {run['n_head']} heads), seed "
        f"{run['seed']}, {done} for {int(run['steps']):,} steps on {corpus}."
    )


def _results(points: Iterable[Point]) -> str:
    values: dict[str, list[float]] = {}
    for key, value, _, _ in sorted(points, key=lambda point: point[2]):
        values.setdefault(key, []).append(value)
    rows = [
        f"| {words} | {values[key][0]:.5g} | {values[key][-1]:.5g} | {min(values[key]):.5g} |"
        for key, words in OF_TRAINING.items()
        if key in values
    ]
    return "\n".join(["| | first | last | lowest |", "|---|---|---|---|", *rows]) if rows else ""


def _pictures(record: RunRecord, run: str) -> str:
    paths = [Path(file["path"]) for file in record.outputs if file["sha256"]]
    names = [path.name for path in paths if path.suffix == ".svg"]
    return "\n\n".join(f"![{name}](get-artifact?path={quote(name)}&run_uuid={run})" for name in names)


def _files(title: str, files: Iterable[Mapping[str, Any]]) -> str:
    rows = [f"| `{file['path']}` | `{file['sha256'] or 'missing'}` |" for file in files]
    return "\n".join([f"| {title} | sha256 |", "|---|---|", *rows]) if rows else ""
