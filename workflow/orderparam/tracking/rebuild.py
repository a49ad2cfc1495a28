"""A new store from the records in results/, which are the truth of what was run."""

from __future__ import annotations

import logging
from datetime import datetime
from pathlib import Path

from orderparam.tracking.record import RunRecord
from orderparam.tracking.spool import SPOOLS
from orderparam.tracking.store import RunStore, TrackingError, artifact_folder, database_path, resolve_uri
from orderparam.tracking.ui import read_config


def rebuild_store(root: Path) -> str:
    """Make the configured local store anew from results/*/jobs; return what was done, in a sentence.

    The old database and artifacts are moved aside. Raises TrackingError if the store is on a server, if a
    workflow is running or if there are no records, RecordError if a record is damaged.
    """
    uri = resolve_uri(read_config(root), root)
    database, artifacts = database_path(uri), artifact_folder(uri, root)
    if database is None or artifacts is None:
        raise TrackingError(f"the tracking store is {uri}; only a local SQLite store can be made anew")
    if any((root / SPOOLS).glob("*/invocation")):
        raise TrackingError(f"{SPOOLS}: a workflow is running, or was killed; wait for it, or run it again")
    records = [RunRecord.from_json(path) for path in sorted(root.glob("results/*/jobs/**/*.json"))]
    if not records:
        raise TrackingError("results/*/jobs holds no records; run snakemake first")
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    aside = datetime.now().strftime("%Y%m%d-%H%M%S")
    moved = [path for path in (database, artifacts) if path.exists()]
    for path in moved:
        path.rename(path.with_name(f"{path.name}.{aside}"))
    store = RunStore(uri, root)
    for record in sorted(records, key=lambda record: (record.kind != "invocation", record.start_time)):
        store.write(record)
    kept = " and ".join(f"{path.name}.{aside}" for path in moved)
    return f"{database}: {len(records)} runs" + (f"; the old store is kept as {kept}" if kept else "")
