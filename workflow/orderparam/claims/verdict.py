"""What a test says of a claim, and why it may say nothing."""

from __future__ import annotations

from dataclasses import dataclass

SUPPORTED = "supported"
REFUTED = "refuted"
INCONCLUSIVE = "inconclusive"
NOT_TESTED = "not tested at this scale"


class NotTestedError(Exception):
    """A test lacks what it needs: a table, a size, a measured step. The message is the verdict's note."""


@dataclass(frozen=True)
class Verdict:
    """A verdict, the statistic that it follows from with its 95% interval, and the file of the numbers.

    `lower` and `upper` are NaN where there is no interval. They are equal for exact numbers.
    """

    verdict: str
    statistic: str
    value: float = float("nan")
    lower: float = float("nan")
    upper: float = float("nan")
    file: str = ""
    note: str = ""
