"""The page of the claims: verdicts with their numbers in, one self-contained HTML page out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from orderparam.claims.verdict import INCONCLUSIVE, NOT_DETECTABLE, NOT_TESTED, REFUTED, SUPPORTED
from orderparam.pages.page import quote_answer, render_page

TEMPLATE = "claims.html.j2"
# The chance of one wrong verdict or more among all of the table that a verdict stands against.
_FAMILY = 0.05
# A class of the style for each verdict, in the order in which they are counted.
VERDICT_CLASSES = {
    SUPPORTED: "supported",
    REFUTED: "refuted",
    INCONCLUSIVE: "inconclusive",
    NOT_DETECTABLE: "inconclusive",
    NOT_TESTED: "untested",
}


def render_claims(
    verdicts: pd.DataFrame,
    claims: Mapping[str, Mapping[str, str]],
    sections: Sequence[Mapping[str, Any]],
    vocabularies: Sequence[Mapping[str, Any]] = (),
    answer: str = "",
) -> str:
    """The page's HTML. Every number on it comes from `verdicts`, a tables.ALL_CLAIMS.

    `claims` has the `source`, the reason of the `bounds` and the `question` of each claim's id; questions are
    asked in their order, and of each those verdicts come first that decide. A section has the `name` that
    verdicts have as `judged_on` and a `description`; its own page has the figures. Without a verdict it is
    left out. `vocabularies` are as in `render_page`, `answer` is docs/phase_transition.md, whose first list
    is quoted. Raises KeyError for a verdict on none of the sections.
    """
    known = {section["name"]: section for section in sections}
    entries: dict[str, dict[str, Any]] = {}
    for row in verdicts.to_dict("records"):
        shown = _row(row)
        if row["role"] == "verdict":
            entries[row["id"]] = {
                "source": "",
                "bounds": "",
                **shown,
                **claims.get(row["id"], {}),
                "further": [],
            }
        else:
            entries[row["id"]]["further"].append(shown)
    judged = {known[name]["name"] for name in verdicts["judged_on"]}
    counts = verdicts[verdicts["role"] == "verdict"]["verdict"].value_counts()
    weak = (verdicts["p_holm"].astype(float) > _FAMILY).sum()
    return render_page(
        TEMPLATE,
        vocabularies,
        counts=[(verdict, style, int(counts.get(verdict, 0))) for verdict, style in VERDICT_CLASSES.items()],
        questions=_by_question(entries, claims),
        answer=quote_answer(answer),
        corrected=int(verdicts["p_holm"].notna().sum()),
        weak=int(weak),
        sections=[section for name, section in known.items() if name in judged],
    )


def _by_question(
    entries: Mapping[str, dict[str, Any]], claims: Mapping[str, Mapping[str, str]]
) -> list[dict[str, Any]]:
    """The entries of each question, those that are decided and the others."""
    asked = dict.fromkeys(claims[name].get("question", "") for name in claims if name in entries)
    asked |= dict.fromkeys(entry.get("question", "") for entry in entries.values())
    found = []
    for number, question in enumerate(asked, 1):
        of_it = [entry for entry in entries.values() if entry.get("question", "") == question]
        decided = [entry for entry in of_it if entry["verdict"] in (SUPPORTED, REFUTED)]
        found.append(
            {
                "id": f"question-{number}",
                "text": question or "Other claims",
                "decided": decided,
                "open": [entry for entry in of_it if entry not in decided],
            }
        )
    return found


def _row(row: dict[Any, Any]) -> dict[str, Any]:
    text = {key: "" if pd.isna(row[key]) else str(row[key]) for key in ("statistic", "file", "note")}
    number = "" if pd.isna(row["value"]) else f"{row['value']:.4g}"
    if number and not pd.isna(row["lower"]) and not pd.isna(row["upper"]) and row["lower"] != row["upper"]:
        number += f" [{row['lower']:.4g}, {row['upper']:.4g}]"
    chance = row["p_holm"]
    return {
        "id": row["id"],
        "text": row["claim"],
        "judged_on": row["judged_on"],
        "verdict": row["verdict"],
        "class": VERDICT_CLASSES[row["verdict"]],
        "number": number,
        "chance": "" if pd.isna(chance) else f"{chance:.2g}",
        "weak": bool(chance > _FAMILY),
        **text,
    }
