"""Job records, and the MLflow store that shows them.

A script wraps its work in `tracked_job`, which only writes the job's record under results/, keeps what took
long, and ends orderly on a signal. The Snakefile calls `unlock_after_a_kill`, `open_invocation`,
`close_invocation` and `finish_at_exit`. `update_store` tells the store what is new in the
records; a thread of Snakemake and one of `make ui` call it again and again. Imports settings.
"""

from orderparam.tracking.console import finish_at_exit, keep_lines_short
from orderparam.tracking.invocation import close_invocation, open_invocation
from orderparam.tracking.job import TrackedJob, run_of_job, tracked_job
from orderparam.tracking.stopping import unlock_after_a_kill
from orderparam.tracking.update import update_store

__all__ = [
    "TrackedJob",
    "close_invocation",
    "finish_at_exit",
    "keep_lines_short",
    "open_invocation",
    "run_of_job",
    "tracked_job",
    "unlock_after_a_kill",
    "update_store",
]
