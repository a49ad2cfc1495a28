"""An invocation of the workflow: its run, the store's follower, and the last line. For the Snakefile."""

from __future__ import annotations

import atexit
import json
import os
import re
import shlex
import sys
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from orderparam.settings.experiment import RESERVED_EXPERIMENTS
from orderparam.tracking.job import INVOCATION
from orderparam.tracking.provenance import hide_secrets, origin_tags, relative_to_root, this_process
from orderparam.tracking.record import RunRecord, Status
from orderparam.tracking.stopping import pass_signals_on
from orderparam.tracking.store import is_enabled, resolve_uri
from orderparam.tracking.update import Follower

HINT = "Browse the tracked runs: make ui"
_open: list[tuple[Path, RunRecord, Follower | None]] = []


def open_invocation(
    workflow: Any, config: dict[str, Any], experiment: str, forced: Iterable[str] = ()
) -> None:
    """Open this invocation's run, for `onstart`, and have a thread keep the store up to date.

    `workflow` and `config` are the globals of these names in a Snakefile. The run belongs to the experiment
    of the first target under results/, else to `experiment`. What jobs need is left in os.environ, `forced`
    too, the outputs that are to be made anew. With --touch, for which Snakemake calls `onstart` too, nothing
    is opened. Never fails.
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
        }
    )
    _write(record, root)
    follower = Follower(root, resolve_uri(config, root)) if is_enabled(config) else None
    if follower:
        follower.start()
    _open.append((root, record, follower))
    pass_signals_on()
    # The hooks are not called when scheduling itself fails.
    atexit.register(close_invocation, "FAILED")


def close_invocation(status: Status) -> None:
    """Close this invocation's run, for `onsuccess` and `onerror`, and tell the store of it. Never fails."""
    os.environ.pop(INVOCATION, None)
    while _open:
        root, record, follower = _open.pop()
        record.end(status)
        _write(record, root)
        if follower:
            follower.close()


def print_hint_at_exit(
    workflow: Any, config: dict[str, Any], corpora: Callable[[], Iterable[Path]] | None = None
) -> None:
    """Make the hint how to browse the runs the last line of this run of the workflow, and of its log.

    `workflow` and `config` are the globals of these names in a Snakefile. `corpora` returns the corpus
    manifests that the run rests on; where one of them exists and is a stand-in, the line says so. Where
    tracking is off, it says nothing else. Nothing is printed after a dry run, by commands that run no jobs,
    or by the processes of single jobs.
    """
    if not workflow.is_main_process:
        return
    # Snakemake forgets its log files before the process ends.
    log_files = [*map(Path, workflow.logger_manager.get_logfile())]

    def print_hint() -> None:
        if workflow.executor_plugin is None or workflow.dryrun or workflow.touch:
            return
        hints = [HINT] if is_enabled(config) else []
        line = " ".join([*hints, *_stand_in_notices(corpora() if corpora else [])])
        if not line:
            return
        stream = sys.stdout if workflow.output_settings.stdout else sys.stderr
        print(line, file=stream, flush=True)
        for path in log_files:
            if path.is_file():
                with path.open("a", encoding="utf-8") as file:
                    file.write(f"{line}\n")

    atexit.register(print_hint)


def _stand_in_notices(manifests: Iterable[Path]) -> list[str]:
    notices = []
    for path in manifests:
        try:
            manifest = json.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if manifest.get("stand_in"):
            notices.append(f"[STAND-IN CORPUS {manifest['corpus']}: {manifest.get('notice')}]")
    return notices


def _targeted_experiment(targets: Iterable[str]) -> str | None:
    found = (re.match(r"(?:\./)?results/([^/]+)/", target) for target in targets)
    return next((each[1] for each in found if each and each[1] not in RESERVED_EXPERIMENTS), None)


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
