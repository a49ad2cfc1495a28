"""Recorded runs: read, checked whenever they are read, added to. Imports settings, text, training,
measuring, analysis.
"""

from orderparam.archive.missing import missing_runs
from orderparam.archive.record import Record, RecordedJob

__all__ = ["Record", "RecordedJob", "missing_runs"]
