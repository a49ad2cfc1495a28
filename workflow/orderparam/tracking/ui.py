"""The browser's view of the runs."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import yaml

from orderparam.tracking.store import TrackingError, artifact_folder, database_path, resolve_uri


def read_config(root: Path) -> dict[str, Any]:
    """config/config.yaml of the project at `root`, of which only `tracking` is of interest here."""
    path = root / "config/config.yaml"
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise TrackingError(f"{path}: cannot be read ({error})") from None
    return config if isinstance(config, dict) else {}


def ui_command(root: Path, port: int) -> list[str] | None:
    """The command that serves the configured store on loopback; None if a server does that already.

    Raises TrackingError if the store is a SQLite file that is not there.
    """
    uri = resolve_uri(read_config(root), root)
    folder = artifact_folder(uri, root)
    if folder is None:
        return None
    database = database_path(uri)
    if database is not None and not database.is_file():
        raise TrackingError(f"{database}: no runs have been tracked yet; run snakemake first")
    command = [sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", uri]
    command += ["--default-artifact-root", folder.as_uri()]
    return [*command, "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]


def browse(root: Path, port: int) -> None:
    """Become the server of the configured store, or say where it is."""
    command = ui_command(root, port)
    if command is None:
        print(f"The runs are at {resolve_uri(read_config(root), root)}")
        return
    print(f"The runs are at http://127.0.0.1:{port} until Ctrl-C", flush=True)
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    # The workers for language-model evaluations, not used here, double the time to start.
    os.environ.setdefault("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")
    os.execv(command[0], command)
