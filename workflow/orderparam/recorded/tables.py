"""The tables of all jobs of a record, each as one."""

from __future__ import annotations

import pandas as pd

from orderparam.metrics import (
    METRICS_COLUMNS,
    PROBE_COLUMNS,
    PROBE_KEY,
    RUN_KEY,
    VERIFICATION_COLUMNS,
    collect_rows,
)
from orderparam.recorded.record import Record
from orderparam.records import read_table

# By the name of the RecordedJob's path: the table's columns, and those that tell its rows apart.
TABLES = {
    "metrics": (METRICS_COLUMNS, RUN_KEY),
    "verification": (VERIFICATION_COLUMNS, ("size", "seed")),
    "probes": (PROBE_COLUMNS, PROBE_KEY),
}


def load_tables(record: Record, *names: str) -> list[pd.DataFrame]:
    """These of TABLES, with the rows of all jobs, once every file of the record has been checked.

    Rows are ordered as by `collect_rows`. Raises RecordError as `Record.check` and `collect_rows` do, and for
    a table that was not recorded.
    """
    record.check()
    jobs = record.jobs()
    sizes = list(dict.fromkeys(job.run.size for job in jobs))
    tables = []
    for name in names:
        columns, key = TABLES[name]
        tables.append(collect_rows([read_table(getattr(job, name), columns) for job in jobs], sizes, key))
    return tables
