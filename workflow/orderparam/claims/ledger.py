"""The ledger config/claims.yaml: read, and checked as a whole."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from orderparam.claims.all_tests import TESTS
from orderparam.claims.evidence import EXPERIMENT_TABLES
from orderparam.settings.check import Problem, check_file, raise_all
from orderparam.settings.ledger_file import LedgerFile, check_places
from orderparam.settings.words import Place, show, suggest

LEDGER_FILE = "config/claims.yaml"


@dataclass(frozen=True)
class Claim:
    """A claim, the test that judges it with its arguments, and where.

    `experiments` are names or shell patterns of the experiments whose tables it is judged on; `tables`
    the paths of the tables of a known system instead. One of the two is empty. `bounds` says why the
    arguments are what they are; `vary` gives other values to try of those that were chosen after data had
    been seen.
    """

    id: str
    text: str
    source: str
    test: str
    arguments: dict[str, Any]
    experiments: tuple[str, ...]
    tables: tuple[str, ...]
    bounds: str = ""
    vary: dict[str, list[float]] = field(default_factory=dict)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Claim:
        """The inverse of `dataclasses.asdict`, also where lists stand for tuples."""
        names = {key: tuple(values[key]) for key in ("experiments", "tables")}
        return cls(**{**values, **names})

    def applies_to(self, experiment: str) -> bool:
        """Whether it is judged on an experiment."""
        return any(fnmatchcase(experiment, pattern) for pattern in self.experiments)

    def rank_of(self, experiment: str) -> int:
        """The place of an experiment, or of the replay of one, in the order in which the claim names them."""
        name = {"replay": "paper"}.get(experiment, experiment.removesuffix("_recorded"))
        places = [place for place, pattern in enumerate(self.experiments) if fnmatchcase(name, pattern)]
        return min(places, default=len(self.experiments))


@dataclass(frozen=True)
class Ledger:
    """All claims in the file's order, and the experiments whose verdicts are gathered in one table."""

    claims: tuple[Claim, ...]
    experiments: tuple[str, ...]
    questions: dict[str, str] = field(default_factory=dict)

    def by_question(self) -> dict[str, list[Claim]]:
        """The claims of each question, in the questions' order, those of none first."""
        found: dict[str, list[Claim]] = {"": [], **{question: [] for question in self.questions}}
        first, question = {claim: question for question, claim in self.questions.items()}, ""
        for claim in self.claims:
            question = first.get(claim.id, question)
            found[question].append(claim)
        return found

    def of_experiment(self, experiment: str) -> list[Claim]:
        """The claims that are judged on an experiment."""
        return [claim for claim in self.claims if claim.applies_to(experiment)]

    def of_known_systems(self) -> list[Claim]:
        """The claims that are judged on tables of their own."""
        return [claim for claim in self.claims if claim.tables]

    def tables_of(self, experiment: str) -> list[str]:
        """The file names of the tables that an experiment's claims are judged on, each once."""
        names = (name for claim in self.of_experiment(experiment) for name in TESTS[claim.test].tables)
        return list(dict.fromkeys(names))

    def tables_of_known_systems(self) -> list[str]:
        """The paths of the tables that the other claims are judged on, each once."""
        return list(dict.fromkeys(path for claim in self.of_known_systems() for path in claim.tables))


def load_ledger(root: Path) -> Ledger:
    """The ledger of the project folder `root`; without a file, one that is empty.

    An experiment that a claim names need not exist. Raises ConfigError, which lists all problems: file,
    key, value found, what is allowed.
    """
    if not (root / LEDGER_FILE).exists():
        return Ledger((), ())
    messages, values = check_file(root, LEDGER_FILE, LedgerFile, _rules)
    raise_all(LEDGER_FILE, messages)
    claims = tuple(_claim(name, entry) for name, entry in values["claims"].items())
    return Ledger(claims, tuple(values["experiments"]), dict(values.get("questions") or {}))


def _rules(valid: dict[Any, Any], faulty: Collection[Place]) -> list[Problem]:
    claims = valid.get("claims", {})
    unknown = [
        Problem(("questions", question), show(claim), f"no such claim; {suggest(claim, sorted(claims))}")
        for question, claim in valid.get("questions", {}).items()
        if claim not in claims
    ]
    return [*check_places(valid, faulty), *_check_claims(claims), *unknown]


def _claim(name: str, entry: dict[str, Any]) -> Claim:
    experiments, tables = (tuple(entry.get(key) or ()) for key in ("experiments", "tables"))
    return Claim(
        name,
        " ".join(entry["text"].split()),
        entry["source"],
        entry["test"],
        dict(entry.get("arguments", {})),
        experiments,
        tables,
        " ".join(entry.get("bounds", "").split()),
        dict(entry.get("vary", {})),
    )


def _check_claims(entries: dict[str, dict[str, Any]]) -> Iterator[Problem]:
    """Tests exist, take the arguments, and have their tables."""
    for name, entry in entries.items():
        place = ("claims", name)
        test = TESTS.get(entry.get("test", ""))
        if test is None:
            if "test" in entry:
                allowed = f"no such test; {suggest(entry['test'], sorted(TESTS))}"
                yield Problem((*place, "test"), show(entry["test"]), allowed)
            continue
        arguments = entry.get("arguments", {})
        for problem in test.misfits(arguments):
            yield replace(problem, place=(*place, "arguments", *problem.place))
        for argument, values in entry.get("vary", {}).items():
            for index, value in enumerate(values):
                # A whole number may stand for either kind.
                other = int(value) if value.is_integer() else value
                for problem in test.misfits({**arguments, argument: other}):
                    if problem.place == (argument,):
                        yield replace(problem, place=(*place, "vary", argument, index))
        paths = {Path(path).name for path in entry.get("tables") or ()}
        if test.of_experiment and paths:
            allowed = f"{entry['test']} reads an experiment's tables: name experiments in place of tables"
            yield Problem((*place, "tables"), show(list(entry["tables"])), allowed)
        elif not test.of_experiment:
            lacking = [table for table in test.tables if table not in paths | set(EXPERIMENT_TABLES)]
            if lacking:
                found = show(list(entry.get("tables") or ()))
                allowed = f"{entry['test']} reads {', '.join(test.tables)}; give the path of {lacking[0]}"
                yield Problem((*place, "tables"), found, allowed)
