"""What is wrong with a store, in a line that says what to do."""

from __future__ import annotations

from orderparam.errors import RecordError, explain_shortage
from orderparam.tracking.provenance import hide_secrets

ANEW = "move it away, and it is made anew from the records"
# What a library says, and what it means.
MEANINGS = {
    "readonly database": "it is read-only; correct the rights of the file and its folder",
    "database is locked": "another process has locked it",
    "disk is full": "the disk is full; free some space",
    "disk I/O error": "the disk is full or damaged",
    "unable to open database file": "its folder is missing or cannot be written, or it is no file",
    "not a database": f"the file is damaged or no database; {ANEW}",
    "malformed": f"the file is damaged; {ANEW}",
    "Can't locate revision": f"another version of MLflow has written it; {ANEW}",
    "out-of-date database schema": f"another version of MLflow has written it; {ANEW}",
    "could not be acquired": "another process has been writing to it for a minute",
    "maintenance mode": "it is a folder, and MLflow keeps runs in a database: write sqlite:///results/mlflow.db",
    "refused": "no server answers there",
    "timed out": "no server answers in time",
    "Max retries": "no server answers as it should",
}


def describe_trouble(error: BaseException) -> str:
    """The cause of an error of the store, or of a damaged record, without secrets."""
    first = str(error).strip().partition("\n")[0]
    if isinstance(error, RecordError):
        return hide_secrets(first)
    chain: list[BaseException] = []
    cause: BaseException | None = error
    while cause and cause not in chain:
        if shortage := explain_shortage(cause):
            return hide_secrets(shortage.removesuffix(" and give the same command again"))
        chain.append(cause)
        cause = cause.__cause__ or cause.__context__
    text = " ".join(map(str, chain))
    known = (meaning for sign, meaning in MEANINGS.items() if sign in text)
    return next(known, hide_secrets(f"{type(error).__name__}: {first:.200}"))
