"""Figure 1: published HMMT scores of language models, redrawn as bars."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from orderparam.errors import RecordError
from orderparam.figures.axes import require_rows
from orderparam.figures.layout import LegendEntry, LegendGroup, shorten, start_figure
from orderparam.figures.style import COLUMN_WIDTH, literal, styled

COLOURS = {"no tools": "#0072B2", "python": "#E69F00"}
LABELS = {"no tools": "no tools", "python": "with python"}
SECONDARY_HATCH = "/////"
_BAR = 0.38
_TABLE = "published HMMT scores"


@styled
def draw(scores: pd.DataFrame) -> Figure:
    """Horizontal bars of the scores (per cent), one group per model in the table's order, at column width.

    `scores` has the columns model, setting ("no tools" or "python"), score, source and secondary (bool);
    bars whose value is known from secondary sources only are hatched. Raises RecordError when the table
    is empty or a column holds anything else.
    """
    require_rows(scores, _TABLE)
    _check_scores(scores)
    models = list(dict.fromkeys(scores["model"]))
    sources = "; ".join(dict.fromkeys(str(source) for source in scores["source"]))
    subtitle = f"Published figures, redrawn, not measured here. Sources: {literal(sources)}"
    legend: list[LegendEntry] = [
        (Patch(facecolor=colour, edgecolor="white", linewidth=0.4), LABELS[setting])
        for setting, colour in COLOURS.items()
        if (scores["setting"] == setting).any()
    ]
    if scores["secondary"].any():
        patch = Patch(facecolor="white", edgecolor="black", hatch=SECONDARY_HATCH, linewidth=0.6)
        legend.append((patch, "secondary source"))
    height = 0.27 * len(models) + 0.55
    best = scores.sort_values("score").iloc[-1]
    title = f"{literal(shorten(str(best['model']), 1.5, 8.5))} scores highest, {best['score']:g}%"
    figure = start_figure(
        COLUMN_WIDTH, height, subtitle, [LegendGroup(legend)], own_results=False, title=title
    )
    axes = figure.subplots()
    for row, model in enumerate(models):
        of_model = scores[scores["model"] == model]
        for slot, bar in enumerate(of_model.itertuples(index=False)):
            y = row + _BAR * (slot - (len(of_model) - 1) / 2)
            axes.barh(
                y,
                float(bar.score),
                height=_BAR,
                color=COLOURS[str(bar.setting)],
                edgecolor="white",
                hatch=SECONDARY_HATCH if bar.secondary else None,
                linewidth=0.4,
                gid=f"score-{row}-{slot}",
            )
            axes.text(float(bar.score) + 1, y, f"{bar.score:.1f}", va="center", size=7)
    axes.set_yticks(range(len(models)), [literal(shorten(model, 1.2, 7)) for model in models])
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(models) - 0.45, -0.55)
    axes.set_xlim(0, 112)
    axes.set_xticks(range(0, 101, 20))
    axes.set_xlabel("HMMT February 2025 score (per cent)")
    return figure


def _check_scores(scores: pd.DataFrame) -> None:
    unknown = sorted(set(scores["setting"].astype(str)) - set(COLOURS))
    if unknown:
        raise RecordError(f"the table of {_TABLE}: setting {unknown[0]!r} is not one of {', '.join(COLOURS)}")
    if not pd.api.types.is_numeric_dtype(scores["score"]) or not scores["score"].between(0, 100).all():
        raise RecordError(f"the table of {_TABLE}: every score must be a number from 0 to 100")
    if scores["secondary"].dtype != bool:
        raise RecordError(f"the table of {_TABLE}: the column secondary must hold true or false in every row")
