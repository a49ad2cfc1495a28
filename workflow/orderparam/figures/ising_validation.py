"""Deviations of the simulations from exact values, in standard errors, against a normal distribution."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.stats import norm

from orderparam.figures.axes import require_rows
from orderparam.figures.ising_axes import NAMES
from orderparam.figures.layout import LegendGroup, legend_line, start_figure
from orderparam.figures.style import GREY, PAGE_WIDTH, assign_styles, styled


@styled
def draw(validation: pd.DataFrame, summary: pd.DataFrame) -> Figure:
    """Left a normal quantile plot of z for each system, right the distribution of all z.

    Raises RecordError when nothing was compared. A z that is not finite is left out of the histogram.
    """
    require_rows(validation, "the validation")
    everything = summary[(summary["system"] == "all") & (summary["observable"] == "all")].iloc[0]
    subtitle = (
        f"Binomial $p={everything['p_value']:.2f}$; largest $|z|$ {everything['largest_z']:.2f}, Bonferroni "
        f"limit {everything['bonferroni_z']:.2f}."
    )
    title = (
        f"{everything['beyond_3']} of {everything['count']} values lie beyond 3 standard errors of the exact "
        f"ones, {everything['expected_beyond_3']:.1f} are expected"
    )
    styles = assign_styles(system for system in NAMES if (validation["system"] == system).any())
    look: dict[str, Any] = {"linewidth": 0, "markersize": 3, "markeredgewidth": 0}
    legend = [legend_line(NAMES[system], **look, **style.look) for system, style in styles.items()]
    normal = legend_line("standard normal distribution", color=GREY, linewidth=0.8)
    groups = [LegendGroup(legend, handle_length=0.8), LegendGroup([normal])]
    figure = start_figure(PAGE_WIDTH, 2.5, subtitle, groups, title=title)
    left, right = figure.subplots(1, 2)
    left.axline((0, 0), slope=1, color=GREY, linewidth=0.8)
    for system, style in styles.items():
        z = np.sort(validation.loc[validation["system"] == system, "z"].to_numpy(dtype=np.float64))
        quantiles = norm.ppf((np.arange(len(z)) + 0.5) / len(z))
        left.plot(quantiles, z, gid=system, **look, **style.look)
    left.set_xlabel("quantile of the standard normal distribution")
    left.set_ylabel(r"$z=(\mathrm{measured}-\mathrm{exact})/\mathrm{error}$")
    z = validation.loc[np.isfinite(validation["z"]), "z"].to_numpy(dtype=np.float64)
    limit = max(4.0, float(np.abs(z).max()) + 0.5)
    bins = np.arange(-np.ceil(limit), np.ceil(limit) + 0.25, 0.5)
    right.hist(z, bins=list(bins), density=True, color="#56B4E9", edgecolor="white", linewidth=0.4)
    grid = np.linspace(bins[0], bins[-1], 300)
    right.plot(grid, norm.pdf(grid), color=GREY, linewidth=0.8)
    right.set_xlabel("$z$")
    right.set_ylabel("probability density")
    return figure
