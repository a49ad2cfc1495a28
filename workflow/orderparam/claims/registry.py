"""The tests that a claim may name, with the tables that each of them reads."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from orderparam.claims.evidence import EXPERIMENT_TABLES
from orderparam.claims.verdict import Finding

Test = Callable[..., Finding]


@dataclass(frozen=True)
class ClaimTest:
    """A function of an Evidence and keyword arguments, and the file names of the tables that it reads.

    The first table is the one that has the numbers of its finding.
    """

    function: Test
    tables: tuple[str, ...]

    @property
    def of_experiment(self) -> bool:
        """Whether its tables are those of an experiment; else they are named by the claim."""
        return all(name in EXPERIMENT_TABLES for name in self.tables)

    def misfit(self, arguments: Mapping[str, Any]) -> str | None:
        """Why the arguments do not fit the test, if so."""
        signature = inspect.signature(self.function)
        try:
            signature.bind(None, **arguments)
        except TypeError as error:
            accepted = ", ".join(list(signature.parameters)[1:]) or "no arguments"
            return f"{error}; the test takes {accepted}"
        return None


TESTS: dict[str, ClaimTest] = {}


def claim_test(*tables: str) -> Callable[[Test], Test]:
    """Register a function of an Evidence and keyword arguments under its name as a test of claims."""

    def register(function: Test) -> Test:
        TESTS[function.__name__] = ClaimTest(function, tables)
        return function

    return register
