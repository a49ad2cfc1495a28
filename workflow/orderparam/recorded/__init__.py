"""Runs that took long, kept in the repository: written once, checked whenever they are read."""

from orderparam.recorded.missing import missing_runs
from orderparam.recorded.record import Record, RecordedJob

__all__ = ["Record", "RecordedJob", "missing_runs"]
