"""An invocation of the workflow: its run, its recorder, and the last line it prints. For the Snakefile."""

from __future__ import annotations

import atexit
import json
import os
import re
import shlex
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from orderparam.settings.experiment import RESERVED_EXPERIMENTS
from orderparam.tracking.job import INVOCATION
from orderparam.tracking.provenance import (
    code_tags,
    machine_tags,
    repeated_settings,
    this_process,
    user_name,
)
from orderparam.tracking.record import RunRecord, Status
from orderparam.tracking.spool import Recorder
from orderparam.tracking.store import is_enabled, resolve_uri

HINT = "Browse the tracked runs: make ui"
_recorders: list[Recorder] = []


def open_invocation(config: dict[str, Any], root: Path, experiment: str, arguments: Sequence[str]) -> None:
    """Open this invocation's run, for `onstart`; `arguments` are those of the command, without its name.

    The run belongs to the experiment of the first target under results/, else to `experiment`. All work, also
    that of closing the runs of earlier invocations that were killed, is done by the recorder in the
    background. What jobs need is left in os.environ. With --touch, for which Snakemake calls `onstart` too,
    nothing is opened. Never fails.
    """
    if not {"--touch", "-t"}.isdisjoint(arguments):
        return
    root = root.resolve()
    experiment = _targeted_experiment(arguments) or experiment
    described = {"experiment": experiment, "settings": repeated_settings(arguments)}
    if is_enabled(config):
        record = _describe(experiment, arguments)
        try:
            recorder = Recorder.start(root, resolve_uri(config, root), record)
        except OSError as error:
            print(f"warning: tracking: cannot start ({error}); the jobs go on", file=sys.stderr)
        else:
            described |= {"spool": str(recorder.spool), "record": record.id}
            _recorders.append(recorder)
            # The hooks are not called when scheduling itself fails.
            atexit.register(close_invocation, "FAILED")
    os.environ[INVOCATION] = json.dumps(described)


def close_invocation(status: Status) -> None:
    """Close this invocation's run and any job's still open, for `onsuccess` and `onerror`. Never fails."""
    os.environ.pop(INVOCATION, None)
    while _recorders:
        recorder = _recorders.pop()
        recorder.close(status)
        # With 1 it has told of its trouble itself.
        if recorder.process.returncode not in (0, 1):
            told = "is still writing" if recorder.process.returncode is None else "was killed"
            print(f"warning: tracking: the recorder {told}; runs may be missing for now", file=sys.stderr)


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


def _targeted_experiment(arguments: Sequence[str]) -> str | None:
    targets = (re.match(r"(?:\./)?results/([^/=]+)/", argument) for argument in arguments)
    return next((found[1] for found in targets if found and found[1] not in RESERVED_EXPERIMENTS), None)


def _describe(experiment: str, arguments: Sequence[str]) -> RunRecord:
    command = shlex.join(["snakemake", *arguments])
    code = code_tags()
    record = RunRecord(name=command[:120], experiment=experiment, file="", kind="invocation")
    opened = datetime.fromtimestamp(record.start_time / 1000).strftime("%Y%m%d-%H%M%S")
    record.file = f"results/{experiment}/jobs/invocations/{opened}-{record.id[:8]}.json"
    record.process = this_process()
    record.tags = {
        "command": command,
        "mlflow.user": user_name(),
        "mlflow.source.name": "Snakefile",
        "mlflow.source.type": "LOCAL",
        "mlflow.source.git.commit": code["git.commit"],
        **code,
        **machine_tags(),
    }
    return record
