"""What a result was computed with: code, machine, versions. Imports PyTorch only to ask it."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


def git_state() -> tuple[str | None, bool | None]:
    """Commit of this code, and whether the working tree differs from it; None outside of Git.

    A copy that lies in another project's repository, which does not track it, is outside.
    """
    if _git("ls-files", "--error-unmatch", Path(__file__).name) is None:
        return None, None
    commit = _git("rev-parse", "HEAD")
    status = _git("status", "--porcelain")
    return commit or None, None if status is None else bool(status)


def _git(*arguments: str) -> str | None:
    command = ["git", "--no-optional-locks", *arguments]
    return _output_of(command, Path(__file__).parent)


def _output_of(command: list[str], folder: Path | None = None) -> str | None:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def processor_name() -> str:
    """The processor's name as its maker gives it, where the system has it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.machine())


def uses_accelerator(device: str, here: bool = True) -> bool:
    """Whether a configured device means a GPU; PyTorch is not asked.

    `auto` means one where this machine has one. Of jobs that run elsewhere, not `here`, this machine knows
    nothing: then `auto` means one.
    """
    if device == "auto" and here:
        apple = platform.system() == "Darwin" and platform.machine() == "arm64"
        return apple or shutil.which("nvidia-smi") is not None
    return device != "cpu"


def package_versions(packages: Iterable[str]) -> dict[str, str]:
    """Versions of those of the packages that are installed."""
    versions = {}
    for package in packages:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return versions


def describe_environment(
    device: torch.device, precision: str, command: str, commit: str | None = None
) -> dict[str, Any]:
    """Machine, versions, code and command of a computation that starts now on `device`, as JSON values.

    None means unknown. `commit` is taken where Git knows none.
    """
    import torch

    on_cuda = device.type == "cuda"
    found, dirty = git_state()
    return {
        "device_name": torch.cuda.get_device_name(device) if on_cuda else processor_name(),
        "cpu": processor_name(),
        "cores": os.cpu_count(),
        "platform": platform.platform(),
        "python": platform.python_version(),
        **{name: None for name in ("torch", "numpy", "pandas")},
        **package_versions(("torch", "numpy", "pandas")),
        "cuda": torch.version.cuda,
        "driver": _driver_version() if on_cuda else None,
        "git_commit": found or commit,
        "dirty": dirty,
        "command": command,
        "precision": precision,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _driver_version() -> str | None:
    found = _output_of(["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"])
    return found.splitlines()[0].strip() if found else None
