"""Job records, and the MLflow store that shows them.

A script wraps its work in `tracked_job`, which only writes the job's record under results/. The Snakefile
calls `open_invocation`, `close_invocation` and `print_hint_at_exit`. `update_store` tells the store what is
new in the records; a thread of Snakemake and one of `make ui` call it again and again. Imports settings.
"""

from orderparam.tracking.invocation import close_invocation, open_invocation, print_hint_at_exit
from orderparam.tracking.job import TrackedJob, tracked_job
from orderparam.tracking.update import update_store

__all__ = [
    "TrackedJob",
    "close_invocation",
    "open_invocation",
    "print_hint_at_exit",
    "tracked_job",
    "update_store",
]
