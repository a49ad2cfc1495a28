"""The page of the systems whose answers are known: their tables and figures in, one HTML page out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from orderparam.pages.page import embed_figure, render_page

TEMPLATE = "known_systems.html.j2"
# Of infinitely many neurons, patterns per neuron: Amit, Gutfreund and Sompolinsky, Ann. Phys. 173, 30 (1987).
_CAPACITY = 0.138
# Of each folder of results/ its title, what is asked of it, and the columns of its table that are shown.
SYSTEMS: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    "ising": (
        "Ising and Potts models",
        "Lattices with an order parameter and, in two dimensions or more, a phase transition whose "
        "temperature is known; in one dimension there is none, and with ten states it is of first order. The "
        "crossings of the Binder cumulants of two lengths, extrapolated to infinite ones, locate it.",
        ("system", "estimate", "temperature", "error", "reference", "relative_deviation"),
    ),
    "deep_linear": (
        "Deep linear nets",
        "Nets whose order parameter, the norm of the last layer over the width, vanishes at a known weight "
        "decay: continuously with one hidden layer, with a jump and hysteresis with two.",
        ("quantity", "measured", "reference", "relative_deviation"),
    ),
    "hopfield": (
        "Hopfield networks",
        f"Networks that remember patterns up to a load of {_CAPACITY} per neuron, if infinitely large. "
        "Of finite ones the load at which half retrieve, then what it goes to with their size, and how fast.",
        ("estimate", "neurons", "value", "lower", "upper"),
    ),
    "calibration": (
        "The detector of slope changes",
        "How often the detector sees a sharp change in a smooth curve, how often one that was planted, and "
        "how often that of a system with a known transition. Where it finds none, a small one may have one.",
        ("curve", "points", "noise", "rate", "lower", "upper"),
    ),
}


def render_known_systems(tables: Mapping[str, pd.DataFrame], figures: Sequence[Path]) -> tuple[str, str]:
    """The page's HTML, and its findings in a line.

    `tables` has the table of each of SYSTEMS and a tables.FINITE_SIZE as `finite_size`, `figures` are SVG
    files, each below its system's folder.
    """
    systems = list(SYSTEMS)
    ordered = sorted(figures, key=lambda svg: systems.index(svg.parts[-3]))
    embedded = [
        {**embed_figure(svg, svg.parts[-3]), "number": number, "system": svg.parts[-3]}
        for number, svg in enumerate(ordered, 1)
    ]
    findings = find(tables)
    shown = {**tables, "ising": _located(tables["ising"])}
    sections = [
        {
            "name": name,
            "title": title,
            "words": words,
            "columns": [column for column in columns if column in tables[name]],
            "rows": [
                [_cell(row[column]) for column in columns if column in row]
                for row in shown[name].to_dict("records")
            ],
            "figures": [figure for figure in embedded if figure["system"] == name],
        }
        for name, (title, words, columns) in SYSTEMS.items()
    ]
    return render_page(TEMPLATE, [], sections=sections, findings=findings), findings


def find(tables: Mapping[str, pd.DataFrame]) -> str:
    """How near the known answers are, and what the detector can see, in one line of plain text."""
    located, sizes = _located(tables["ising"]), tables["finite_size"]
    farthest, linear = (table["relative_deviation"].abs().max() for table in (located, tables["deep_linear"]))
    capacity = tables["hopfield"].query("estimate == 'extrapolated'")["value"].iloc[0]
    wrong, finite = tables["calibration"]["rate"].max(), sizes[np.isfinite(sizes["extent"])]
    found = finite.loc[finite.groupby("system")["extent"].idxmin(), "rate"].max()
    seen = f"at most {found:.0%} of" if found else "none of the"
    return (
        f"Known values are met within {farthest:.2%} in {len(located)} lattices, {linear:.1%} in deep linear "
        f"nets, {abs(capacity / _CAPACITY - 1):.0%} in Hopfield networks; at most {wrong:.0%} of smooth "
        f"curves are called sharp, {seen} transitions of small systems are found."
    )


def _located(critical: pd.DataFrame) -> pd.DataFrame:
    return critical[(critical["estimate"] == "extrapolated") & critical["relative_deviation"].notna()]


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return "" if pd.isna(value) else f"{value:.4g}"
    return str(value)
