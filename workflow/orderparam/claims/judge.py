"""Verdicts on claims as a table."""

from __future__ import annotations

import math
from collections.abc import Iterable

import pandas as pd

from orderparam.claims.all_tests import TESTS
from orderparam.claims.evidence import Evidence
from orderparam.claims.ledger import Claim
from orderparam.claims.verdict import NOT_TESTED, NotTestedError, Verdict
from orderparam.tables import CLAIMS


def judge_claim(claim: Claim, evidence: Evidence) -> Verdict:
    """The verdict on one claim; where its test lacks a table or size, that it was not tested, and why."""
    test = TESTS[claim.test]
    try:
        for name in test.tables:
            evidence.path(name)
        return test.run(evidence, claim.arguments)
    except NotTestedError as error:
        return Verdict(NOT_TESTED, "", note=str(error))


def judge_claims(claims: Iterable[Claim], evidence: Evidence) -> pd.DataFrame:
    """A row for each claim, as tables.CLAIMS; RecordError where a table lacks a column."""
    rows = []
    for claim in claims:
        verdict = judge_claim(claim, evidence)
        numbers = (number if math.isfinite(number) else math.nan for number in _numbers(verdict))
        row = (claim.id, claim.text, verdict.verdict, verdict.statistic, *numbers, verdict.file, verdict.note)
        rows.append(row)
    return CLAIMS.frame(rows)


def _numbers(verdict: Verdict) -> tuple[float, float, float]:
    return verdict.value, verdict.lower, verdict.upper
