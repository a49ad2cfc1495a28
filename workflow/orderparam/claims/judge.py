"""Verdicts on claims as a table."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from orderparam.claims.all_tests import TESTS
from orderparam.claims.evidence import Evidence
from orderparam.claims.ledger import Claim
from orderparam.claims.verdict import NOT_TESTED, REFUTED, Finding, NotTestedError
from orderparam.tables import ALL_CLAIMS, CLAIMS


def judge_claims(claims: Iterable[Claim], evidence: Evidence) -> pd.DataFrame:
    """A row for each claim, as tables.CLAIMS; where its test lacks a table or size, that, and why.

    Where the ledger says to `vary` an argument, the note ends with the verdict at each of its other values.
    Raises RecordError where a table is damaged.
    """
    rows = []
    for claim in claims:
        finding, path = _judge(claim, evidence, claim.arguments)
        origin = "author's published values, not run here; " if evidence.published else ""
        note = origin + finding.note
        if finding.verdict != NOT_TESTED:
            for name, values in claim.vary.items():
                others = [
                    f"{value:g} {_judge(claim, evidence, {**claim.arguments, name: value})[0].verdict}"
                    for value in values
                ]
                note += f"; with {name} {', '.join(others)}"
        interval = finding.interval
        ends = (interval.value, interval.lower, interval.upper, finding.p_value)
        numbers = (number if math.isfinite(number) else math.nan for number in ends)
        rows.append((claim.id, claim.text, finding.verdict, finding.statistic, *numbers, path, note))
    return CLAIMS.frame(rows)


def _judge(claim: Claim, evidence: Evidence, arguments: Mapping[str, Any]) -> tuple[Finding, str]:
    """What a claim's test finds with these arguments, and the path of the table of its numbers."""
    test = TESTS[claim.test]
    try:
        paths = [evidence.path(name) for name in test.tables]
        return test.function(evidence, **arguments), paths[0] if paths else ""
    except NotTestedError as error:
        return Finding("", note=str(error), ruling=NOT_TESTED), ""


def gather_verdicts(tables: Mapping[str, pd.DataFrame], ledger: Iterable[Claim]) -> pd.DataFrame:
    """One tables.ALL_CLAIMS of the tables.CLAIMS of several experiments, by name, in the ledger's order.

    Of a claim's rows the first is its verdict: that of the first experiment, in the ledger's order, which
    could judge it; but what is exact refutes wherever it is found, since one run contradicts a claim on all.
    The others are further evidence. `p_holm` are the p of the verdicts after Holm's correction for all of
    them (S. Holm, Scand. J. Stat. 6, 65 (1979)): where it is above 0.05 a verdict does not stand against the
    chance of one error among all verdicts of the table.
    """
    rows = []
    for claim in ledger:
        found = [
            {"judged_on": name, **{str(key): value for key, value in row.items()}}
            for name, table in tables.items()
            for row in table[table["id"] == claim.id].to_dict("records")
        ]
        found.sort(key=lambda row: (_standing(row), claim.rank_of(row["judged_on"])))
        rows += [{**row, "role": "verdict" if i == 0 else "further evidence"} for i, row in enumerate(found)]
    table = ALL_CLAIMS.frame(rows)
    chances = table["p_value"].astype(float).where(table["role"] == "verdict").dropna().sort_values()
    steps = chances * np.arange(len(chances), 0, -1)
    return table.assign(p_holm=steps.cummax().clip(upper=1.0))


def _standing(row: Mapping[str, Any]) -> int:
    """Exact refutations first, what could not be tested last."""
    if row["verdict"] == REFUTED and row["lower"] == row["upper"]:
        return 0
    return 2 if row["verdict"] == NOT_TESTED else 1
