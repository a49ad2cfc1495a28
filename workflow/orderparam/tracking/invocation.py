"""An invocation of the workflow: its run, and the store's follower. For the Snakefile."""

from __future__ import annotations

import atexit
import json
import os
import re
import shlex
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from orderparam.errors import OrderParameterError
from orderparam.settings.experiment import RESERVED_EXPERIMENTS
from orderparam.tracking.job import INVOCATION, OF_KNOWN_SYSTEMS
from orderparam.tracking.provenance import hide_secrets, is_alive, origin_tags, relative_to_root, this_process
from orderparam.tracking.record import RunRecord, Status
from orderparam.tracking.stopping import pass_signals_on, pass_signals_on_no_more
from orderparam.tracking.store import is_enabled, resolve_uri
from orderparam.tracking.update import Follower

_open: list[tuple[Path, RunRecord, Follower | None]] = []
_ends: list[Status] = []


def open_invocation(
    workflow: Any,
    config: dict[str, Any],
    experiment: str,
    forced: Iterable[str] = (),
    code: Mapping[str, str] | None = None,
) -> None:
    """Open this invocation's run, for `onstart`, and have a thread keep the store up to date.

    `workflow` and `config` are the globals of these names in a Snakefile. The run belongs to the experiment
    of the first target under results/, else to `experiment`. What jobs need is left in os.environ: `forced`
    too, the outputs that are to be made anew, and `code`, the library as `code_as_read` has it. With
    --touch, for which Snakemake calls `onstart` too, nothing is opened. Never fails.
    """
    if workflow.touch:
        return
    root = Path.cwd().resolve()
    experiment = _targeted_experiment(workflow.dag_settings.targets) or experiment
    command = hide_secrets(shlex.join(["snakemake", *sys.argv[1:]]))
    record = RunRecord(name=command[:120], experiment=experiment, file="", process=this_process())
    opened = datetime.fromtimestamp(record.start_time / 1000).strftime("%Y%m%d-%H%M%S")
    record.file = f"results/{experiment}/jobs/invocations/{opened}-{record.id[:8]}.json"
    record.tags = {"command": command, **origin_tags("Snakefile")}
    os.environ[INVOCATION] = json.dumps(
        {
            "experiment": experiment,
            "record": record.id,
            "process": record.process,
            "settings": _settings_of(workflow, root),
            "forced": list(forced),
            "code": code or {},
        }
    )
    _write(record, root)
    follower = Follower(root, resolve_uri(config, root)) if is_enabled(config) else None
    if follower:
        follower.start()
    _open.append((root, record, follower))
    pass_signals_on(workflow.executor_plugin.common_settings.local_exec)
    # The hooks are not called when scheduling itself fails.
    atexit.register(close_invocation, "FAILED")


def close_invocation(status: Status) -> None:
    """Close this invocation's run, for `onsuccess` and `onerror`, and tell the store of it. Never fails."""
    os.environ.pop(INVOCATION, None)
    pass_signals_on_no_more()
    while _open:
        root, record, follower = _open.pop()
        _ends.append(status)
        record.end(status)
        _write(record, root)
        if follower:
            follower.close()
        if status != "FINISHED":
            _tell_of_killed_jobs(root, record.id)


def _tell_of_killed_jobs(root: Path, invocation: str) -> None:
    """Say of each job that ended without a word what is known of that, which is that it was killed."""
    for path in sorted(root.glob("results/*/jobs/*.json")):
        with suppress(OrderParameterError, KeyError):
            job = RunRecord.read(path)
            silent = job.inferred if job.status == "KILLED" else job.status == "RUNNING"
            if job.parent == invocation and silent and not is_alive(job.process):
                print(
                    f"{job.name} ({path.stem}) was killed, most often by the system for too little memory: "
                    "run fewer jobs at once (--cores 1), or a smaller batch_size; the same command goes on",
                    file=sys.stderr,
                )


def how_it_ended() -> Status | None:
    """As what this process's invocation was closed; None where there was nothing to do."""
    return _ends[-1] if _ends else None


def _targeted_experiment(targets: Iterable[str]) -> str | None:
    """The experiment of the first target that belongs to one; of known systems and claims, their own."""
    for target in targets:
        inside = re.match(r"(?:\./)?results/([^/.]+)[/.]|(ising|known_systems)$", target)
        name = inside and (inside[1] or inside[2])
        if name in OF_KNOWN_SYSTEMS:
            return "known_systems"
        if name == "claims" or (name and name not in RESERVED_EXPERIMENTS):
            return str(name)
    return None


def _settings_of(workflow: Any, root: Path) -> list[str]:
    """The arguments that decide what a job gets, which its regeneration must repeat."""
    settings, arguments = workflow.config_settings, []
    snakefile = relative_to_root(workflow.main_snakefile, root)
    if snakefile != "Snakefile":
        arguments += ["--snakefile", snakefile]
    if settings.configfiles:
        arguments += ["--configfile", *(relative_to_root(path, root) for path in settings.configfiles)]
    if settings.replace_workflow_config:
        arguments.append("--replace-workflow-config")
    if settings.config_args:
        arguments += ["--config", *settings.config_args]
    methods = workflow.deployment_settings.deployment_method
    if methods:
        arguments += ["--software-deployment-method", *sorted(str(method) for method in methods)]
    return [hide_secrets(argument) for argument in arguments]


def _write(record: RunRecord, root: Path) -> None:
    try:
        record.write(root)
    except OSError as error:
        print(f"warning: tracking: cannot write {record.file} ({error})", file=sys.stderr)
