"""Logging of one job: messages and uncaught errors go to its log file and to the terminal."""

from __future__ import annotations

import logging
import sys
import textwrap
from pathlib import Path
from types import TracebackType

from orderparam.errors import OrderParameterError, explain_shortage

logger = logging.getLogger("orderparam")
LONGEST_LINE = 200
INDENT = 6 * " "


def shorten(line: str) -> str:
    """A line of at most 200 characters; of a longer list of files, the first and how many are left."""
    if len(line) <= LONGEST_LINE:
        return line
    items = line.split(", ")
    for kept in range(len(items) - 1, 0, -1) if len(items) > 3 else ():
        text = f"{', '.join(items[:kept])}, and {len(items) - kept} more"
        if len(text) <= LONGEST_LINE:
            return text
    return f"{line[: LONGEST_LINE - 4]} ..."


def wrap(line: str) -> str:
    """A message on as many lines of at most 200 characters as it takes; what it advises comes last."""
    if len(line) <= LONGEST_LINE:
        return line
    return "\n".join(
        textwrap.wrap(
            line, LONGEST_LINE, subsequent_indent=INDENT, break_long_words=False, break_on_hyphens=False
        )
    )


class _Terminal(logging.Formatter):
    """Messages of a job, led by its name, in short lines; a traceback's are left as they are."""

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        return text if record.exc_info else "\n".join(map(wrap, text.split("\n")))


def set_up_logging(log_file: str | Path | None, name: str) -> None:
    """Send Python's logging, warnings and uncaught errors to `log_file` (if any) and to stderr.

    An uncaught OrderParameterError is reported by its message alone, as is what `explain_shortage` explains,
    any other error with its traceback; both leave exit status 1. On the terminal every message is led by
    `name`, as jobs run side by side.
    """
    root = logging.getLogger()
    for handler in list(root.handlers):
        root.removeHandler(handler)
        handler.close()
    terminal = logging.StreamHandler(sys.stderr)
    terminal.setFormatter(_Terminal(f"[{name.replace('%', '%%')}] %(message)s"))
    root.addHandler(terminal)
    if log_file:
        Path(log_file).parent.mkdir(parents=True, exist_ok=True)
        # The bytes of a path may be no text.
        file = logging.FileHandler(log_file, mode="w", encoding="utf-8", errors="backslashreplace")
        file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        root.addHandler(file)
    root.setLevel(logging.INFO)
    logging.captureWarnings(True)
    # On a full disk the terminal has the message, which a traceback of the file's would hide.
    logging.raiseExceptions = False
    sys.excepthook = _report_uncaught


def _report_uncaught(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    if issubclass(kind, OrderParameterError):
        logger.error("error: %s", error)
    elif shortage := explain_shortage(error):
        logger.error("error: %s", shortage)
    elif issubclass(kind, KeyboardInterrupt):
        logger.error("interrupted")
    else:
        logger.critical("uncaught error", exc_info=(kind, error, traceback))
