"""The browser's view of the runs."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import webbrowser
from importlib.metadata import entry_points
from pathlib import Path

from orderparam.errors import RecordError
from orderparam.settings.config_file import CONFIG_FILE
from orderparam.settings.yaml_file import read_yaml
from orderparam.tracking.notes import APART, runs_page
from orderparam.tracking.provenance import hide_secrets
from orderparam.tracking.record import RECORDS
from orderparam.tracking.store import RunStore, TrackingError, artifact_folder, database_path, resolve_uri
from orderparam.tracking.trouble import describe_trouble
from orderparam.tracking.update import Follower, update_store


def browse(root: Path, port: int) -> None:
    """Bring the configured store up to date, and serve it on loopback until Ctrl-C or SIGTERM.

    The open page follows what runs meanwhile. An address for each experiment is printed, and the first opened
    where there is a browser. A port that is taken gives way to the next that is free. Where a server has the
    store already, its addresses are printed. Raises TrackingError if the store cannot be used, or if there
    are neither a store nor records of which to make one.
    """
    config = read_yaml(root, CONFIG_FILE)
    if config.values is None and (root / CONFIG_FILE).exists():
        raise TrackingError(config.problems[0])
    uri = resolve_uri(config.values or {}, root)
    database = database_path(uri)
    if database and not database.is_file() and not any(root.glob(RECORDS)):
        raise TrackingError(f"{database}: no runs have been tracked yet; run snakemake first")
    follower = Follower(root, uri)
    folder = artifact_folder(uri, root)
    try:
        update_store(root, uri)
    except RecordError as error:
        print(f"warning: tracking: {hide_secrets(str(error))}", file=sys.stderr)
    except Exception as error:
        where = hide_secrets(uri.removeprefix("sqlite:///"))
        raise TrackingError(f"{where}: the store cannot be used: {describe_trouble(error)}") from None
    if folder is None:
        _print_pages("The runs are at", hide_secrets(uri).rstrip("/"), uri, root)
        return
    free = next((each for each in range(port, 65536) if _is_free(each)), None)
    if free is None:
        raise TrackingError(f"all ports from {port} to 65535 are taken; choose a lower --port")
    if free != port:
        print(f"Port {port} is taken; this is {free}.")
    first = _print_pages("Until Ctrl-C the runs are at", f"http://127.0.0.1:{free}", uri, root)
    command = [sys.executable, "-m", "mlflow", "ui", "--host", "127.0.0.1", "--port", str(free)]
    # Missing where an older version of the library was installed.
    installed = entry_points(group="mlflow.app", name="orderparam")
    page = ["--app-name", "orderparam"] if installed else []
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
        [*command, "--workers", "1", *page], env={**os.environ, **environment}, start_new_session=True
    )
    follower.start()
    try:
        _open_in_browser(first, free, server)
        server.wait()
    except KeyboardInterrupt:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait()
    follower.close()


def _is_free(port: int) -> bool:
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _print_pages(words: str, address: str, uri: str, root: Path) -> str:
    """Print the address of each experiment's runs; returns the first, or that of the list of experiments."""
    try:
        experiments = RunStore(uri, root).experiments()
    except Exception as error:
        # The follower has said what is wrong.
        experiments = {}
        print(f"The experiments cannot be listed ({type(error).__name__}).", file=sys.stderr)
    # Trainings first: the first page is opened.
    names = sorted(experiments, key=lambda name: (name.partition(" · ")[0] in APART, name))
    pages = [(name, f"{address}/{runs_page(experiments[name])}") for name in names]
    pages = pages or [("all experiments", f"{address}/#/experiments?workflowType=machine_learning")]
    width = max(len(name) for name, _ in pages)
    print("\n".join([words, *(f"  {name:{width}}  {page}" for name, page in pages)]), flush=True)
    return pages[0][1]


def _open_in_browser(page: str, port: int, server: subprocess.Popen[bytes]) -> None:
    """Open a page as soon as the server answers, if somebody sits at a screen."""
    seen = sys.stdout.isatty() and (
        sys.platform == "darwin" or {"DISPLAY", "WAYLAND_DISPLAY"} & os.environ.keys()
    )
    while seen and server.poll() is None and _is_free(port):
        time.sleep(0.2)
    if seen and server.poll() is None:
        webbrowser.open(page)
