"""What a run of the workflow prints: short lines, and the lines at its end."""

from __future__ import annotations

import atexit
import json
import logging
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from orderparam.tracking.job_log import shorten, wrap
from orderparam.tracking.store import is_enabled

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


def print_ending(
    workflow: Any,
    config: dict[str, Any],
    made: Callable[[], Iterable[Path]],
    corpora: Callable[[], Iterable[Path]],
    failed: Callable[[], bool],
) -> None:
    """Print, as the last lines of this run of the workflow and of its log, where its result lies.

    `workflow` and `config` are the globals of these names in a Snakefile. `made` returns the files that the
    run was to make, `corpora` the corpus manifests that it rests on, `failed` whether it failed: then no
    result is shown. Nothing is printed after a dry run, by commands that run no jobs, or by the
    processes of single jobs.
    """
    if not workflow.is_main_process:
        return
    # Snakemake forgets its log files before the process ends.
    log_files = [*map(Path, workflow.logger_manager.get_logfile())]

    def print_lines() -> None:
        if workflow.executor_plugin is None or workflow.dryrun or workflow.touch:
            return
        lines = [] if failed() else describe_results(made())
        hints = [HINT] if is_enabled(config) else []
        last = " ".join([*hints, *_stand_in_notices(corpora())])
        text = "\n".join([*lines, *([last] if last else [])])
        if not text:
            return
        stream = sys.stdout if workflow.output_settings.stdout else sys.stderr
        print(text, file=stream, flush=True)
        for path in log_files:
            if path.is_file():
                with path.open("a", encoding="utf-8") as file:
                    file.write(f"{text}\n")

    atexit.register(print_lines)


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
            lines.append(f"  {findings.read_text(encoding='utf-8').strip()}")
    if pages:
        lines.append(f"Next: {CLAIMS if any('/replay/' in str(page) for page in pages) else REPLAY}")
    return lines


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
