"""Verdicts on claims as a table."""

from __future__ import annotations

import math
from collections.abc import Iterable

import pandas as pd

from orderparam.claims.all_tests import TESTS
from orderparam.claims.evidence import Evidence
from orderparam.claims.ledger import Claim
from orderparam.claims.verdict import NOT_TESTED, Finding, NotTestedError
from orderparam.tables import CLAIMS


def judge_claims(claims: Iterable[Claim], evidence: Evidence) -> pd.DataFrame:
    """A row for each claim, as tables.CLAIMS; where its test lacks a table or size, that, and why.

    Raises RecordError where a table is damaged.
    """
    rows = []
    for claim in claims:
        test, path = TESTS[claim.test], ""
        try:
            paths = [evidence.path(name) for name in test.tables]
            finding = test.function(evidence, **claim.arguments)
            path = paths[0] if paths else ""
        except NotTestedError as error:
            finding = Finding("", note=str(error), ruling=NOT_TESTED)
        interval = finding.interval
        ends = (interval.value, interval.lower, interval.upper)
        origin = "author's published values, not run here; " if evidence.published else ""
        numbers = (number if math.isfinite(number) else math.nan for number in ends)
        rows.append(
            (claim.id, claim.text, finding.verdict, finding.statistic, *numbers, path, origin + finding.note)
        )
    return CLAIMS.frame(rows)
