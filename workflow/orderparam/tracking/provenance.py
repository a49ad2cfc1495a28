"""Where a result came from: code, machine, versions, the digests of files and the command that made them."""

from __future__ import annotations

import getpass
import hashlib
import os
import platform
import shlex
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from orderparam.environment import git_state, package_versions, processor_name
from orderparam.files import sha256_of_file

PACKAGES = ("torch", "numpy", "pandas", "matplotlib", "safetensors", "snakemake", "mlflow")

# Settings of an invocation that decide what a job gets, with the number of values that follow each.
REPEATED_SETTINGS: dict[str, int | None] = {
    "--snakefile": 1,
    "-s": 1,
    "--directory": 1,
    "-d": 1,
    "--profile": 1,
    "--workflow-profile": 1,
    "--configfile": None,
    "--configfiles": None,
    "--config": None,
    "-C": None,
    "--replace-workflow-config": 0,
    "--set-threads": None,
    "--set-resources": None,
    "--rerun-triggers": None,
    "--software-deployment-method": None,
    "--deployment-method": None,
    "--deployment": None,
    "--sdm": None,
    "--use-conda": 0,
    "--conda-prefix": 1,
}


def repeated_settings(arguments: Sequence[str]) -> list[str]:
    """Those arguments of a `snakemake` command that its jobs' regeneration must repeat.

    >>> repeated_settings(["--cores", "4", "results/a.svg", "--config", "experiment=paper"])
    ['--config', 'experiment=paper']
    """
    kept: list[str] = []
    rest = list(arguments)
    while rest:
        token = rest.pop(0)
        if token == "--":
            break
        flag, attached = token, token.startswith("--") and "=" in token
        if attached:
            flag = token.partition("=")[0]
        elif token[:2] in ("-s", "-d", "-C") and len(token) > 2:
            flag, attached = token[:2], True
        if flag not in REPEATED_SETTINGS:
            continue
        kept.append(token)
        count = REPEATED_SETTINGS[flag]
        if attached and count == 1:
            continue
        while rest and not rest[0].startswith("-") and (count is None or count > 0):
            kept.append(rest.pop(0))
            count = None if count is None else count - 1
    return kept


def regenerate_command(output: str, settings: Sequence[str]) -> str:
    """The shell command that draws `output` anew even if it is up to date, with the given settings."""
    return shlex.join(["snakemake", "--cores", "1", "--force", output, *settings])


def describe_file(name: str, path: str, root: Path) -> dict[str, Any]:
    """Name, path, SHA-256 and size of a file, or of a folder's files together; null if not readable."""
    digest: str | None = None
    size: int | None = None
    with suppress(OSError):
        digest, size = _measure(root / path)
    return {"name": name, "path": relative_to_root(path, root), "sha256": digest, "bytes": size}


def _measure(path: Path) -> tuple[str, int]:
    if not path.is_dir():
        return sha256_of_file(path), path.stat().st_size
    members = sorted(member for member in path.rglob("*") if member.is_file())
    lines = (f"{sha256_of_file(member)}  {member.relative_to(path).as_posix()}\n" for member in members)
    return hashlib.sha256("".join(lines).encode()).hexdigest(), sum(m.stat().st_size for m in members)


def relative_to_root(path: str | Path, root: Path) -> str:
    """`path` as seen from the project root where it lies inside, else absolute; with forward slashes."""
    absolute = Path(os.path.normpath(root / path))
    inside = absolute.is_relative_to(root)
    return (absolute.relative_to(root) if inside else absolute).as_posix()


def code_tags() -> dict[str, str]:
    """Commit of this code, and whether the working tree differs from it; "unknown" outside of Git."""
    commit, dirty = git_state()
    return {
        "git.commit": commit or "unknown",
        "git.dirty": "unknown" if dirty is None else str(dirty).lower(),
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


def is_alive(process: dict[str, Any]) -> bool:
    """Whether a process that `this_process` described still runs; one on another host is taken to."""
    if process["host"] != platform.node():
        return True
    try:
        found = psutil.Process(process["pid"])
        # The start time is derived from the clock, which may have been adjusted since.
        same = abs(found.create_time() - process["started"]) < 5
        return bool(same and found.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
