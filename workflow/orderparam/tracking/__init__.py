"""What a job's run records, and the MLflow store as a view of it.

A script wraps its work in `tracked_job`; the Snakefile calls `open_invocation`, `close_invocation` and
`print_hint_at_exit`; `orderparam ui` browses the store. Imports settings.
"""

from orderparam.tracking.invocation import close_invocation, open_invocation, print_hint_at_exit
from orderparam.tracking.job import TrackedJob, tracked_job

__all__ = ["TrackedJob", "close_invocation", "open_invocation", "print_hint_at_exit", "tracked_job"]
