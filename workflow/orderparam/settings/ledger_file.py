"""config/claims.yaml: the claims that are judged, and on what."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Annotated, Any

from pydantic import Field, JsonValue

from orderparam.settings.check import Problem
from orderparam.settings.key import Allowed
from orderparam.settings.section import OPTIONAL, ExperimentName, Name, Section, Text
from orderparam.settings.words import Place, show

Experiments = Annotated[
    str, Allowed(pattern="^[a-z0-9_*?-]{1,64}$", words="an experiment's name, or a pattern with * or ?")
]
TablePath = Annotated[
    str,
    Allowed(
        pattern="^results/[A-Za-z0-9._/-]+[.](csv|json)$",
        words="the path of a .csv or .json file below results/",
    ),
]


class Claim(Section):
    """A claim, and where it is judged."""

    text: Text
    """What is claimed, in a sentence."""
    source: Text
    """Who claims it, and where."""
    test: Text
    """The test that judges it, a function of orderparam/claims that is marked as one."""
    arguments: dict[str, JsonValue] = OPTIONAL
    """What the test takes beside the tables; its docstring says what each means."""
    bounds: Text = OPTIONAL
    """Why the arguments are what they are, and which were chosen after data had been seen."""
    vary: dict[str, Annotated[list[float], Field(min_length=1)]] = OPTIONAL
    """Other values of arguments, at which the claim is judged too; the note tells the verdicts."""
    experiments: Annotated[list[Experiments], Field(min_length=1)] = OPTIONAL
    """On whose tables it is judged, the experiment that tests it best first; `*` stands for any text."""
    tables: Annotated[list[TablePath], Field(min_length=1)] = OPTIONAL
    """Paths of the tables on which it is judged, instead of those of an experiment."""


class LedgerFile(Section):
    """config/claims.yaml: the claims that are judged, and on what."""

    experiments: Annotated[list[ExperimentName], Field(min_length=1)] = Field(["preview"])
    """The experiments whose verdicts results/claims.csv gathers, beside those on the known systems."""
    questions: dict[Text, Name] = OPTIONAL
    """The questions that claims answer, in the order of the page of claims, each with the first of its
    claims; those that follow it below are its too."""
    claims: Annotated[dict[Name, Claim], Field(min_length=1)]
    """The claims, each under a name of its own, which is that of its tag in MLflow too."""


def check_places(ledger: dict[Any, Any], faulty: Collection[Place]) -> Iterator[Problem]:
    """Each claim says where it is judged; `faulty` are the places of values taken out of `ledger`."""
    for name, claim in ledger.get("claims", {}).items():
        place: Place = ("claims", name)
        given = [key for key in ("experiments", "tables") if key in claim or (*place, key) in faulty]
        if len(given) != 1:
            yield Problem(place, show(claim), "needs either experiments or tables, not both")
