"""What a run of the workflow prints: short lines, and the lines at its end."""

from __future__ import annotations

import atexit
import logging
import re
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from orderparam.errors import OrderParameterError
from orderparam.files import read_json
from orderparam.tracking.invocation import how_it_ended
from orderparam.tracking.job_log import shorten, wrap
from orderparam.tracking.store import is_enabled, resolve_uri
from orderparam.tracking.update import deliver

HINT = "Browse the tracked runs: make ui"
REPLAY = "snakemake --cores 2 --config experiment=replay   # the article's protocol, from recorded runs"
CLAIMS = "snakemake --cores 2 results/claims.html   # the verdict on each claim, from the recorded runs"
OF_A_JOB = re.compile(r"\s*(reason|input|output|log|benchmark|wildcards|resources): ", re.IGNORECASE)
CHANGED = "Params have changed since last execution: "


class ShortLines(logging.Formatter):
    """Snakemake's messages with no line over 200 characters, and of changed params the keys that differ."""

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self._inner = inner

    def format(self, record: logging.LogRecord) -> str:
        """The message: what describes a job shortened, all else, such as an error's advice, wrapped."""
        lines = self._inner.format(record).split("\n")
        return "\n".join(_shorten_reason(line) if OF_A_JOB.match(line) else wrap(line) for line in lines)


def keep_lines_short(logger: logging.Logger) -> None:
    """Have all handlers of Snakemake's logger print short lines; a second call changes nothing."""
    for handler in logger.handlers:
        if handler.formatter and not isinstance(handler.formatter, ShortLines):
            handler.setFormatter(ShortLines(handler.formatter))


def _shorten_reason(line: str) -> str:
    head, changed, rest = line.partition(CHANGED)
    if changed:
        before, now = (dict(_keys_of(part)) for part in rest.partition(" now: ")[::2])
        keys = [key for key in {**before, **now} if before.get(key) != now.get(key)]
        shown = [f"{key}: {before.get(key, 'none')} -> {now.get(key, 'none')}" for key in keys]
        line = f"{head}{changed}{', '.join(shown) or 'its code'}"
    return shorten(line)


def _keys_of(text: str) -> list[tuple[str, str]]:
    """Keys and values of the dictionaries in a text as Python prints them, and no others."""
    return re.findall(r"'([^']+)': ('[^']*'|\[[^\]]*\]|\([^)]*\)|[^,{}\[\]]+)", text)


def finish_at_exit(workflow: Any, config: dict[str, Any]) -> None:
    """Print, as the last lines of this run of the workflow and of its log, where its result lies.

    `workflow` and `config` are the globals of these names in a Snakefile. Of a run that failed no result is
    shown; one that found nothing to do tells the store what earlier ones could not. Nothing is done after a
    dry run, by commands that run no jobs, or by the processes of single jobs.
    """
    if not workflow.is_main_process:
        return
    # Snakemake forgets its log files before the process ends.
    log_files = [*map(Path, workflow.logger_manager.get_logfile())]

    def finish() -> None:
        if workflow.executor_plugin is None or workflow.dryrun or workflow.touch:
            return
        end = how_it_ended()
        jobs = list(workflow.dag.jobs)
        lines = []
        if end in (None, "FINISHED"):
            lines = describe_results(Path(path) for job in jobs for path in job.output)
        paths = {Path(path) for job in jobs for path in (*job.input, *job.output)}
        hints = [HINT] if is_enabled(config) else []
        last = " ".join([*hints, *_stand_in_notices(paths)])
        text = "\n".join([*lines, *([last] if last else [])])
        if text:
            print(text, file=sys.stdout if workflow.output_settings.stdout else sys.stderr, flush=True)
        for path in log_files:
            if text and path.is_file():
                with path.open("a", encoding="utf-8") as file:
                    file.write(f"{text}\n")
        if end is None and is_enabled(config):
            root = Path.cwd().resolve()
            deliver(root, resolve_uri(config, root))

    atexit.register(finish)


def describe_results(made: Iterable[Path]) -> list[str]:
    """Which page or figure to open, what it found, and what to do next; nothing where none of them exists."""
    paths = sorted({path for path in made if path.exists()})
    pages = [path for path in paths if path.suffix == ".html"] or [
        path for path in paths if path.suffix == ".svg"
    ]
    lines = []
    for page in pages:
        lines.append(f"Open {page}")
        findings = page.with_suffix(".txt")
        if findings.exists():
            lines.append(wrap(f"  {findings.read_text(encoding='utf-8').strip()}"))
    if pages:
        lines.append(f"Next: {CLAIMS if any('/replay/' in str(page) for page in pages) else REPLAY}")
    return lines


def _stand_in_notices(paths: Iterable[Path]) -> list[str]:
    """Of the corpora among these files, those that are stand-ins."""
    notices = []
    for folder in {path.parent for path in paths if path.parent.parent == Path("results/corpora")}:
        with suppress(OrderParameterError):
            manifest = read_json(folder / "corpus.json")
            if isinstance(manifest, dict) and manifest.get("stand_in"):
                notices.append(f"[STAND-IN CORPUS {manifest['corpus']}: {manifest.get('notice')}]")
    return notices
