"""The tests that a claim may name, with the tables that each of them reads."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, get_type_hints

from pydantic import create_model

from orderparam.claims.evidence import EXPERIMENT_TABLES
from orderparam.claims.verdict import Finding
from orderparam.settings.check import Problem, check
from orderparam.settings.key import Allowed
from orderparam.settings.section import OPTIONAL, Section
from orderparam.tables import METRICS, Table

Test = Callable[..., Finding]


def column_of(table: Table, *others: str) -> Allowed:
    """What an argument may be that names a column of a table, or one of others computed from it."""
    words = ", ".join([f"a column of {table.path}", *others])
    return Allowed(pattern=f"^({'|'.join([*table.columns, *others])})$", words=words)


MetricsColumn = Annotated[str, column_of(METRICS)]


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

    def misfits(self, arguments: dict[str, Any]) -> list[Problem]:
        """What of the arguments does not fit the function's keyword arguments and their types."""
        return check(_section_of(self.function), arguments)[0]


@cache
def _section_of(function: Test) -> type[Section]:
    hints = get_type_hints(function, include_extras=True)
    _, *parameters = inspect.signature(function).parameters.values()
    keys: dict[str, Any] = {
        each.name: (hints.get(each.name, Any), ... if each.default is each.empty else OPTIONAL)
        for each in parameters
    }
    return create_model(function.__name__, __base__=Section, **keys)


TESTS: dict[str, ClaimTest] = {}


def claim_test(*tables: str) -> Callable[[Test], Test]:
    """Register a function of an Evidence and keyword arguments under its name as a test of claims."""

    def register(function: Test) -> Test:
        TESTS[function.__name__] = ClaimTest(function, tables)
        return function

    return register
