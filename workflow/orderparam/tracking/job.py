"""What every script wraps its work in: logging, and the record of the job."""

from __future__ import annotations

import json
import logging
import os
import re
import shlex
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orderparam.code_digest import find_edited
from orderparam.errors import OrderParameterError
from orderparam.files import read_json, remove, remove_leftovers
from orderparam.settings.experiment import RESERVED_EXPERIMENTS, Run, Seeds
from orderparam.sums import check_sums
from orderparam.tracking.job_log import set_up_logging
from orderparam.tracking.kept import KeptOutputs
from orderparam.tracking.provenance import (
    describe_file,
    is_alive,
    is_here,
    machine_tags,
    origin_tags,
    relative_to_root,
    this_process,
)
from orderparam.tracking.record import RunRecord, Status, flatten, now, set_aside
from orderparam.tracking.stopping import STOPPING, stopping_unwinds

if TYPE_CHECKING:
    import pandas as pd

INVOCATION = "ORDERPARAM_INVOCATION"
# The outputs of a job that took so long are kept when it has to run again.
LONG_JOB_MILLISECONDS = 60_000
STOPPED = tuple(128 + number for number in STOPPING)
OF_KNOWN_SYSTEMS = ("known_systems", "ising", "deep_linear", "calibration", "hopfield")
MANIFESTS = ("corpus.json", "vocabulary.json")
logger = logging.getLogger("orderparam.tracking")


class TrackedJob:
    """One job of the workflow. Metrics are in its record's file of points as soon as they are logged."""

    def __init__(self, record: RunRecord, root: Path) -> None:
        self.record = record
        self._root = root
        self.failed_to_write = False
        self._trainings: dict[tuple[str, int], str] = {}

    def log_metrics(self, points: Iterable[tuple[str, float, int]], training: str = "") -> None:
        """Log (key, value, step) points, of the job or of a training in it; NaN, infinities are allowed."""
        self.attempt(lambda: self.record.add_points(self._root, points, training))

    def log_table(self, table: pd.DataFrame, step: str, training: str = "") -> None:
        """Log every other numeric column of `table` as a series over `step`; empty cells are left out."""
        points = []
        for column in table.select_dtypes("number").columns.difference([step], sort=False):
            filled = table[table[column].notna()]
            points += [(column, number, at) for number, at in zip(filled[column], filled[step], strict=True)]
        self.log_metrics(points, training)

    def add_training(self, run: Run, seeds: Seeds, verb: str = "train") -> None:
        """Have a run of its own, with its curves, for a seed that this job trains or, by `verb`, replays."""
        # Of a name MLflow's list shows some twenty characters.
        name = f"{run.size} · seed {seeds.seed} · {verb}"
        self._trainings[run.size, seeds.seed] = name
        self.record.trainings[name] = flatten({**run.to_dict(), "seed": seeds.seed, "seeds": asdict(seeds)})
        self.save()

    def log_trainings(self, metrics: pd.DataFrame) -> None:
        """Log rows of a tables.METRICS, each to the run of its size and seed."""
        for (size, seed), rows in metrics.groupby(["size", "seed"], sort=False):
            self.log_table(rows.drop(columns="seed"), "step", self._trainings[str(size), int(str(seed))])

    def save(self) -> None:
        """Write the record."""
        self.attempt(lambda: self.record.write(self._root))

    def attempt(self, write: Callable[[], None]) -> None:
        """Write something; a failure is reported once, and never fails the job."""
        try:
            write()
        except OSError as error:
            if not self.failed_to_write:
                self.failed_to_write = True
                logger.warning("warning: tracking: the job cannot be recorded (%s)", error)


def run_of_job(snakemake: Any) -> Run:
    """The run in a job's params, which leave device and threads open, on those that the job was given."""
    given = {"device": snakemake.resources.device, "threads": snakemake.threads}
    return Run.from_dict({**snakemake.params.run, **given})


@contextmanager
def tracked_job(snakemake: Any, keep: bool = False) -> Iterator[TrackedJob]:
    """Track the job that Snakemake's `script:` object describes; the working folder is the project root.

    Logging is set up as `set_up_logging` says. The job's record is written when the block begins, and when it
    ends, with status FINISHED, FAILED after an error, or KILLED: after SIGTERM or SIGHUP, which raise
    SystemExit, SIGINT, which raises KeyboardInterrupt, or the end of the workflow, which counts as SIGTERM.
    Errors pass through. Trouble with tracking never fails the job; an input that is not as the job that made
    it noted does, with RecordError, and so does code that is not as it was when the workflow read it.

    The outputs of a job that took long, or of any job with `keep`, are kept as `KeptOutputs`. Where they are
    what this job would make, they are put back, and SystemExit(0) is raised in place of running the block,
    unless Snakemake was told to make them anew. A job that outlives its workflow removes its outputs.
    """
    root = Path.cwd()
    record = _describe_job(snakemake, root)
    set_up_logging(snakemake.log[0] if snakemake.log else None, record.name)
    job = TrackedJob(record, root)
    with stopping_unwinds(_invocation().get("process")):
        _find_corpus(record, snakemake, snakemake.input)
        job.attempt(lambda: set_aside(root, record.file))
        job.save()
        if job.failed_to_write:
            # Nor may the record of an earlier run stay, whose sums others would go by.
            job.attempt(lambda: (root / record.file).unlink(missing_ok=True))
        status: Status = "FINISHED"
        kept: KeptOutputs | None = None
        outputs = [relative_to_root(path, root) for path in snakemake.output]
        try:
            check_sums(root, record.inputs)
            kept = KeptOutputs(root, record, snakemake.params)
            for path in outputs:
                remove_leftovers(root / path)
            forced = not set(outputs).isdisjoint(_invocation().get("forced", []))
            if not forced and kept.put_back(outputs):
                sys.exit(0)
            _check_code()
            yield job
        except BaseException as error:
            status = _status_after(error)
            if status != "FINISHED":
                record.tags["error"] = f"{type(error).__name__}: {error}"[:500]
                if kept:
                    kept.tell()
            if status == "FAILED" and not isinstance(error, SystemExit):
                record.texts["traceback.txt"] = traceback.format_exc()
            raise
        finally:
            _find_corpus(record, snakemake, snakemake.output)
            record.outputs = [describe_file(name, path, root) for name, path in _named(snakemake.output)]
            record.tags |= machine_tags()
            record.end(status)
            if not _is_superseded(record, root):
                job.save()
            if status == "FINISHED" and kept and (keep or now() - record.start_time >= LONG_JOB_MILLISECONDS):
                job.attempt(lambda: kept.keep(record.outputs))
            if _is_orphan() and not _is_superseded(record, root):
                # Nobody notes by which code and settings they were made.
                for path in outputs:
                    job.attempt(partial(remove, root / path))


def _check_code() -> None:
    """Raise OrderParameterError if the script, or a module that it imported, is not as its rule noted."""
    invocation = _invocation()
    if not invocation.get("code") or not is_here(invocation["process"]):
        return
    library = Path(__file__).resolve().parents[2]
    # Snakemake runs a copy: tmp<letters>.<name of the script>.
    script = Path(getattr(sys.modules["__main__"], "__file__", None) or "").name.partition(".")[2]
    modules = [module for name, module in list(sys.modules.items()) if name.startswith("orderparam.")]
    files = [Path(module.__file__).resolve() for module in modules if module.__file__]
    if edited := find_edited(library, invocation["code"], [library / "scripts" / script, *files]):
        raise OrderParameterError(
            f"{relative_to_root(edited, Path.cwd())} was edited after this command began: what is made now "
            "would count as made by the code of before; give the same command again"
        )


def _is_superseded(record: RunRecord, root: Path) -> bool:
    """Whether the job runs again already, as after its workflow was killed: then the record is that run's."""
    with suppress(OrderParameterError):
        return RunRecord.read(root / record.file).id != record.id
    return False


def _is_orphan() -> bool:
    """Whether the workflow that started this job is gone."""
    workflow = _invocation().get("process")
    return workflow is not None and not is_alive(workflow)


def _invocation() -> dict[str, Any]:
    """What the workflow says of itself to its jobs; empty where none started this one."""
    told: dict[str, Any] = json.loads(os.environ.get(INVOCATION, "{}"))
    return told


def _describe_job(snakemake: Any, root: Path) -> RunRecord:
    invocation = _invocation()
    wildcards = dict(snakemake.wildcards.items())
    outputs = [relative_to_root(path, root) for path in snakemake.output]
    inside = re.match(r"results/([^/]+)/", outputs[0]) if outputs else None
    experiment = wildcards.pop("experiment", None) or invocation.get("experiment")
    experiment = str(experiment or snakemake.config.get("experiment") or (inside and inside[1]) or "workflow")
    folder = inside[1] if inside else experiment
    name = re.sub(r"[^\w.\-]", "_", ".".join(filter(None, [snakemake.rule, "-".join(wildcards.values())])))
    main = getattr(sys.modules["__main__"], "__file__", None)
    resources = {
        key: value
        for key, value in dict(snakemake.resources.items()).items()
        if not key.startswith("_") and key != "tmpdir"
    }
    tags = {"rule": snakemake.rule, **origin_tags(relative_to_root(main, root) if main else snakemake.rule)}
    if outputs:
        # With --force, so that the output is made anew even if it is up to date.
        command = ["snakemake", "--cores", "1", "--force", outputs[0], *invocation.get("settings", [])]
        tags["regenerate"] = shlex.join(command)
    return RunRecord(
        name=_name_of_run(snakemake.rule, list(wildcards.values()), outputs),
        experiment=_experiment_of_store(snakemake.rule, folder, experiment),
        file=f"results/{folder}/jobs/{name}.json",
        parent=invocation.get("record"),
        process=this_process(),
        params=flatten(
            {
                **dict(_named(snakemake.params)),
                "threads": snakemake.threads,
                **({"wildcard": wildcards} if wildcards else {}),
                **({"resource": resources} if resources else {}),
            }
        ),
        tags=tags,
        inputs=[describe_file(name, path, root) for name, path in _named(snakemake.input)],
        # That they are there tells, of a job that left no end, whether it came to it.
        outputs=[
            {"name": name, "path": relative_to_root(path, root), "sha256": None, "bytes": None}
            for name, path in _named(snakemake.output)
        ],
    )


def _name_of_run(rule: str, wildcards: list[str], outputs: list[str]) -> str:
    """What tells the job from others comes first: `Figure 4 · loss vs order parameter`, `10K · sample`."""
    figure = re.fullmatch(r"draw_(?:fig(\d+)_)?(.+)", rule)
    if figure:
        title = f"Figure {figure[1]}" if figure[1] else "Figure"
        return " · ".join([title, figure[2].replace("_", " "), *wildcards])
    folder = [outputs[0].split("/")[1]] if rule == "judge_claims" else []
    return " · ".join([*wildcards, *folder, rule.replace("_", " ")])


def _experiment_of_store(rule: str, folder: str, experiment: str) -> str:
    """Verdicts, texts, and what is no language model are browsed apart from the experiments."""
    if rule.endswith("_claims"):
        return "claims"
    if folder in OF_KNOWN_SYSTEMS:
        return "known_systems"
    return folder if folder in RESERVED_EXPERIMENTS else experiment


def _named(items: Any) -> list[tuple[str, Any]]:
    """Items of a rule's input, output or params by name; nameless ones, and those of a list, are counted."""
    names = [str(index) for index in range(len(items))]
    for name, (first, end) in items._get_names():
        for index in range(first, first + 1 if end is None else end):
            names[index] = name if end is None else f"{name}.{index - first}"
    return list(zip(names, items, strict=True))


def _find_corpus(record: RunRecord, snakemake: Any, files: Iterable[str]) -> None:
    """Set the tag `corpus` from a manifest among `files`, else from params; a stand-in prevails."""
    known: list[dict[str, Any]] = []
    for path in files:
        if Path(path).name in MANIFESTS:
            # A missing or damaged file is for the script to report.
            with suppress(OrderParameterError):
                content = read_json(path)
                known += [content] if isinstance(content, dict) else []
    known.append({**dict(snakemake.wildcards.items()), **dict(snakemake.params.items())})
    # The first stand-in, else the first of all.
    known.sort(key=lambda manifest: not manifest.get("stand_in"))
    for found in [manifest for manifest in known if isinstance(manifest.get("corpus"), str)][:1]:
        if found.get("stand_in"):
            record.tags["corpus"] = f"{found['corpus']} (STAND-IN: {found.get('notice')})"
        else:
            record.tags.setdefault("corpus", found["corpus"])


def _status_after(error: BaseException) -> Status:
    if isinstance(error, KeyboardInterrupt):
        return "KILLED"
    if isinstance(error, SystemExit):
        return "KILLED" if error.code in STOPPED else "FAILED" if error.code else "FINISHED"
    return "FAILED"
