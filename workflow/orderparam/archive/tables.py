"""The tables of all jobs of a record, each as one."""

from __future__ import annotations

import pandas as pd

from orderparam.archive.record import Record
from orderparam.tables import collect_runs


def load_tables(record: Record, *names: str) -> list[pd.DataFrame]:
    """These tables (`metrics`, `verification`, `probes`) of all jobs, once every file has been checked.

    Rows are ordered as by `collect_runs`. Raises RecordError as `Record.check` and `collect_runs` do, and for
    a table that was not recorded.
    """
    record.check()
    jobs = record.jobs()
    sizes = list(dict.fromkeys(job.run.size for job in jobs))
    return [collect_runs([getattr(job, name) for job in jobs], sizes) for name in names]
