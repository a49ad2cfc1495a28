"""The browser's view of the runs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from orderparam.tracking.provenance import hide_secrets
from orderparam.tracking.record import RECORDS
from orderparam.tracking.store import TrackingError, artifact_folder, database_path, resolve_uri
from orderparam.tracking.update import Follower

# Without the query MLflow's page opens in its mode for language-model applications, and shows no runs.
PAGE = "/#/experiments?workflowType=machine_learning"


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


def browse(root: Path, port: int) -> None:
    """Bring the configured store up to date, and serve it on loopback until Ctrl-C or SIGTERM.

    The open page follows what runs meanwhile. Where a server has the store already, its address is printed.
    Raises TrackingError if there are neither a store nor records of which to make one.
    """
    uri = resolve_uri(read_config(root), root)
    database = database_path(uri)
    if database and not database.is_file() and not any(root.glob(RECORDS)):
        raise TrackingError(f"{database}: no runs have been tracked yet; run snakemake first")
    follower = Follower(root, uri)
    follower.update()
    folder = artifact_folder(uri, root)
    if folder is None:
        print(f"The runs are at {hide_secrets(uri).rstrip('/')}{PAGE}")
        return
    print(f"Until Ctrl-C the runs are at http://127.0.0.1:{port}{PAGE}", flush=True)
    command = [sys.executable, "-m", "mlflow", "ui", "--host", "127.0.0.1", "--port", str(port)]
    environment = {
        # Not an argument, which everybody on this machine could read.
        "MLFLOW_BACKEND_STORE_URI": uri,
        "MLFLOW_DEFAULT_ARTIFACT_ROOT": folder.as_uri(),
        # The workers for language-model evaluations, not used here, double the time to start.
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # In a group of its own, so that its workers end with it.
    server = subprocess.Popen(
        [*command, "--workers", "1"], env={**os.environ, **environment}, start_new_session=True
    )
    follower.start()
    try:
        server.wait()
    except KeyboardInterrupt:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait()
    follower.close()
