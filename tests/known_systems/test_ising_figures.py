"""The figures of the lattices: every point of their tables, labelled axes, and nothing cut or covered."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from figure_tables import check_layout, count_points

from orderparam.errors import RecordError
from orderparam.figures import (
    ising_binder,
    ising_magnetization,
    ising_potts,
    ising_snapshots,
    ising_specific_heat,
    ising_validation,
)
from orderparam.known_systems.ising.reference import TRANSITIONS, tabulate_exact_curves
from orderparam.tables import CRITICAL, OBSERVABLES, POTTS_HISTOGRAM, VALIDATION_SUMMARY

NAMES = ("energy", "specific_heat", "abs_magnetization", "susceptibility", "binder_cumulant")
LENGTHS = {"1d": (16, 32), "2d": (8, 16, 32), "3d": (4, 8), "mean-field": (64, 128)}
RELATIVE = np.array([0.6, 0.97, 0.98, 0.99, 1.0, 1.01, 1.02, 1.03, 1.6])


def make_observables():
    rng = np.random.default_rng(0)
    rows = [
        (system, length, float(t), field, "wolff", length, 100, 1.0, name, rng.uniform(0, 0.6), 0.01)
        for system, lengths in LENGTHS.items()
        for length in lengths
        for t in RELATIVE * (TRANSITIONS[system].temperature if system in TRANSITIONS else 1)
        for field in (0.0, 0.5)
        for name in NAMES
    ]
    return OBSERVABLES.frame(rows)


def make_critical():
    measured = {"1d": (np.nan,) * 3, "2d": (2.26, 0.01, 0.6), "3d": (2.26, 0.01, 0.6)}
    rest = (1.0, np.nan, np.nan)
    return CRITICAL.frame([(s, "crossing", 8, 16, *values, *rest) for s, values in measured.items()])


def make_validation():
    systems = np.repeat(list(LENGTHS), 50)
    return pd.DataFrame({"system": systems, "z": np.random.default_rng(1).normal(size=len(systems))})


SUMMARY = VALIDATION_SUMMARY.frame([("all", "all", 200, 1.0, 3.1, 4.1, 1, 0.5, 0.42, True)])


def make_snapshots(side=6):
    rows, columns = np.indices((side, side)).reshape(2, -1)
    spins = np.random.default_rng(2).choice([-1, 1], (3, side * side))
    sites = {"row": rows, "column": columns}
    return pd.concat(
        [
            pd.DataFrame({"temperature": t, **sites, "spin": s})
            for t, s in zip(RELATIVE[2:5], spins, strict=True)
        ]
    )


def make_histogram():
    energy = np.linspace(-2, 0, 21)
    rows = [(10, length, e, 0.5, -1.6, -1.0) for length in (20, 40) for e in energy]
    return POTTS_HISTOGRAM.frame(rows)


@pytest.fixture(scope="module")
def figures():
    observables = make_observables()
    exact = tabulate_exact_curves(observables, points=20)
    return {
        "magnetization": ising_magnetization.draw(observables, exact),
        "specific_heat": ising_specific_heat.draw(observables, exact),
        "binder": ising_binder.draw(observables, make_critical()),
        "validation": ising_validation.draw(make_validation(), SUMMARY),
        "snapshots": ising_snapshots.draw(make_snapshots()),
        "potts": ising_potts.draw(make_histogram()),
    }


def test_magnetization_has_each_point_without_field_and_the_exact_lines(figures):
    panels = figures["magnetization"].axes
    for axes, (system, lengths) in zip(panels, LENGTHS.items(), strict=True):
        assert count_points(axes, "measured-") == len(lengths) * len(RELATIVE)
        marks = [line.get_xdata()[0] for line in axes.lines if line.get_gid() == "critical-temperature"]
        expected = [TRANSITIONS[system].temperature] if system in TRANSITIONS else []
        assert marks == expected
        assert (count_points(axes, "exact") > 0) == (system != "3d")


def test_specific_heat_has_a_line_per_length_and_onsagers(figures):
    for axes, name in zip(figures["specific_heat"].axes, ("energy", "specific_heat"), strict=True):
        assert count_points(axes, f"{name}-") == 3 * len(RELATIVE)
        gids = [line.get_gid() for line in axes.lines]
        assert {"exact", "exact-8", "exact-16", "exact-32"} <= set(gids)


def test_binder_shows_crossings_where_there_are_any_and_the_collapse(figures):
    panels = np.reshape(figures["binder"].axes, (3, 2))
    crossings = [count_points(axes, "crossings") for axes in panels[:, 0]]
    assert crossings == [0, 1, 1]
    for (left, right), system in zip(panels, ("1d", "2d", "3d"), strict=True):
        shown = count_points(left, "measured-")
        assert shown == len(LENGTHS[system]) * (len(RELATIVE) if system == "1d" else len(RELATIVE) - 2)
        assert count_points(right, "collapsed-") == shown
    (line,) = [line for line in panels[1, 1].lines if line.get_gid() == "collapsed-32"]
    x = np.asarray(line.get_xdata(), dtype=np.float64)
    np.testing.assert_allclose(x, (RELATIVE[1:-1] - 1) * 32, atol=1e-9)


def test_validation_tells_the_count_and_the_share(figures):
    said = " ".join(text.get_text() for text in figures["validation"].texts)
    assert "200 values" in said
    assert "1 of 200 values lie beyond 3 standard errors of the exact ones, 0.5 are expected" in said
    left, _ = figures["validation"].axes
    assert sum(count_points(left, system) for system in LENGTHS) == 200


def test_snapshots_show_each_spin(figures):
    snapshots = make_snapshots()
    for axes, (_, state) in zip(figures["snapshots"].axes, snapshots.groupby("temperature"), strict=True):
        (image,) = axes.images
        np.testing.assert_array_equal(image.get_array().ravel(), state["spin"])


def test_potts_has_a_density_per_length_and_both_exact_energies(figures):
    (axes,) = figures["potts"].axes
    assert count_points(axes, "density-") == 42
    gids = {line.get_gid(): line.get_xdata()[0] for line in axes.lines}
    assert (gids["ordered"], gids["disordered"]) == (-1.6, -1.0)


def test_axes_are_labelled_and_nothing_is_cut_or_covered(figures):
    for name, figure in figures.items():
        assert name == "snapshots" or all(axes.get_xlabel() for axes in figure.axes), name
        check_layout(figure, name)


def test_empty_tables_are_refused():
    observables = make_observables()
    exact = tabulate_exact_curves(observables, points=5)
    with pytest.raises(RecordError, match="no rows"):
        ising_magnetization.draw(observables.iloc[:0], exact)
    with pytest.raises(RecordError, match="square lattice"):
        ising_specific_heat.draw(observables[observables["system"] == "1d"], exact)
    with pytest.raises(RecordError, match="no rows"):
        ising_snapshots.draw(make_snapshots().iloc[:0])
