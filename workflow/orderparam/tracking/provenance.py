"""Where a result came from: code, machine, versions, the digests of files and the process that made them."""

from __future__ import annotations

import getpass
import os
import platform
import re
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from orderparam.environment import git_state, package_versions, processor_name
from orderparam.sums import measure

PACKAGES = ("torch", "numpy", "pandas", "matplotlib", "safetensors", "snakemake", "mlflow")


def describe_file(name: str, path: str, root: Path) -> dict[str, Any]:
    """Name, path, SHA-256 and size of a file, or of a folder's files together; null if not readable."""
    digest: str | None = None
    size: int | None = None
    with suppress(OSError):
        digest, size = measure(root / path)
    return {"name": name, "path": relative_to_root(path, root), "sha256": digest, "bytes": size}


def relative_to_root(path: str | Path, root: Path) -> str:
    """`path` as seen from the project root where it lies inside, else absolute; with forward slashes."""
    absolute = Path(os.path.normpath(root / path))
    inside = absolute.is_relative_to(root)
    return (absolute.relative_to(root) if inside else absolute).as_posix()


def origin_tags(source: str) -> dict[str, str]:
    """The tags of a run of the file `source`: who runs it, the code's commit and state, the machine."""
    commit, dirty = git_state()
    commit = commit or "unknown"
    return {
        "mlflow.user": user_name(),
        "mlflow.source.name": source,
        "mlflow.source.type": "LOCAL",
        "mlflow.source.git.commit": commit,
        "git.commit": commit,
        "git.dirty": "unknown" if dirty is None else str(dirty).lower(),
        **machine_tags(),
    }


def user_name() -> str:
    """Who runs this; `unknown` where the system has no name for the user, as in some containers."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def machine_tags() -> dict[str, str]:
    """Host, CPU, cores, GPU (only where torch already uses one) and the versions of the packages."""
    tags = {
        "machine.host": platform.node(),
        "machine.platform": platform.platform(),
        "machine.cpu": processor_name(),
        "machine.cores": str(os.cpu_count()),
        "version.python": platform.python_version(),
        **{f"version.{package}": version for package, version in package_versions(PACKAGES).items()},
    }
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        tags["machine.gpu"] = torch.cuda.get_device_name()
    return tags


def this_process() -> dict[str, Any]:
    """What tells this process from any other: host, process id and start time in seconds since 1970."""
    process = psutil.Process()
    return {"host": platform.node(), "pid": process.pid, "started": process.create_time()}


def is_here(process: dict[str, Any]) -> bool:
    """Whether a process that `this_process` described runs, or ran, on this host."""
    return bool(process["host"] == platform.node())


def is_alive(process: dict[str, Any]) -> bool:
    """Whether a process that `this_process` described still runs; of one on another host it is assumed."""
    if not is_here(process):
        return True
    try:
        found = psutil.Process(process["pid"])
        # The start time is derived from the clock, which may have been adjusted since.
        same = abs(found.create_time() - process["started"]) < 5
        return bool(same and found.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def hide_secrets(text: str) -> str:
    """`text` without the user names and passwords of the addresses in it.

    >>> hide_secrets("cannot reach https://me:secret@host/api?token=secret")
    'cannot reach https://host/api?token=...'
    """
    # A password may have any sign, so that the last @ ends it.
    text = re.sub(r"://[^\s'\"]*@", "://", text)
    return re.sub(r"(?i)([?&][^=&\s]*(?:pass|pwd|token|secret|key)[^=&\s]*=)[^&\s]*", r"\1...", text)
