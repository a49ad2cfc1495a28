"""The page of the claims: verdicts with their numbers in, one self-contained HTML page out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from orderparam.claims.verdict import INCONCLUSIVE, NOT_TESTED, REFUTED, SUPPORTED
from orderparam.pages.page import embed_figure, render_page

TEMPLATE = "claims.html.j2"
# A class of the style for each verdict, in the order in which they are counted.
_CLASSES = {SUPPORTED: "supported", REFUTED: "refuted", INCONCLUSIVE: "inconclusive", NOT_TESTED: "untested"}


def render_claims(
    verdicts: pd.DataFrame,
    sources: Mapping[str, str],
    sections: Sequence[Mapping[str, Any]],
    vocabularies: Sequence[Mapping[str, Any]] = (),
) -> str:
    """The page's HTML. Every number on it comes from `verdicts`, a tables.ALL_CLAIMS.

    `sources` says of each claim's id who claims it. A section has the `name` that verdicts have as
    `judged_on`, a `description` and the paths of its `figures`; without a verdict it is left out.
    `vocabularies` are as in `render_page`. Raises KeyError for a verdict on none of the sections.
    """
    shown: dict[str, list[dict[str, Any]]] = {section["name"]: [] for section in sections}
    for row in verdicts.to_dict("records"):
        shown[row["judged_on"]].append(_claim(row, sources))
    counts = verdicts["verdict"].value_counts()
    return render_page(
        TEMPLATE,
        vocabularies,
        counts=[(verdict, style, int(counts.get(verdict, 0))) for verdict, style in _CLASSES.items()],
        sections=[
            {
                **section,
                "claims": shown[section["name"]],
                "figures": [embed_figure(Path(svg), section["name"]) for svg in section["figures"]],
            }
            for section in sections
            if shown[section["name"]]
        ],
    )


def _claim(row: dict[Any, Any], sources: Mapping[str, str]) -> dict[str, Any]:
    text = {key: "" if pd.isna(row[key]) else str(row[key]) for key in ("statistic", "file", "note")}
    number = "" if pd.isna(row["value"]) else f"{row['value']:.4g}"
    if number and not pd.isna(row["lower"]) and not pd.isna(row["upper"]) and row["lower"] != row["upper"]:
        number += f" [{row['lower']:.4g}, {row['upper']:.4g}]"
    return {
        "id": row["id"],
        "text": row["claim"],
        "source": sources.get(row["id"], ""),
        "verdict": row["verdict"],
        "class": _CLASSES[row["verdict"]],
        "number": number,
        **text,
    }
