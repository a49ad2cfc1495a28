"""The analysis of whole experiments: what is planted is found, what is missing is told."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from orderparam.analysis.escape import Levels, levels_of, transition_step
from orderparam.analysis.fluctuations import (
    align,
    measure_fluctuations,
    share_of_timing,
)
from orderparam.analysis.transition import analyse_transition
from orderparam.errors import RecordError
from orderparam.figures import transition_loss_slope, transition_susceptibility
from orderparam.tables import LOSS_SLOPE, SUSCEPTIBILITY, TRANSITION

LEVELS = Levels(2.45, 1.9)
STEPS = np.unique(np.concatenate([[0], np.geomspace(1, 4000, 45).astype(int)]))


def make_metrics(size="small", seeds=9, middle=1000.0, last=4000):
    """Losses that fall to H_2, stay, and fall to H_3 around a step that differs from seed to seed."""
    rng = np.random.default_rng(0)
    tables = []
    for seed in range(seeds):
        own = middle * np.exp(rng.normal(0, 0.1))
        steps = np.array([step for step in STEPS if step <= last])
        log_step = np.log(np.maximum(steps, 0.5))
        loss = LEVELS.bigram + 1.9 * np.exp(-steps / (middle / 12))
        loss -= (LEVELS.bigram - LEVELS.trigram) / (1 + np.exp(-(log_step - np.log(own)) / 0.15))
        table = {
            "size": size,
            "seed": seed,
            "step": steps,
            "order_parameter": 0.1 * (1 + 0.05 * np.sqrt(steps)),
            "train_loss": loss + rng.normal(0, 0.001, steps.size),
        }
        tables.append(pd.DataFrame(table))
    return pd.concat(tables, ignore_index=True)


def analyse(metrics, levels=LEVELS):
    sizes = metrics["size"].unique()
    by_size = {size: levels for size in sizes} if levels else {}
    fluctuations = measure_fluctuations(
        metrics, by_size, dict.fromkeys(sizes, 32), dict.fromkeys(sizes, 25_089)
    )
    return *analyse_transition(metrics, by_size, fluctuations, dict.fromkeys(sizes, 32)), fluctuations


@pytest.fixture(scope="module")
def ensemble():
    return analyse(make_metrics())


def values_of(table):
    return table[table["size"] != "all"].set_index("quantity")


def test_plateau_escape_and_transition_are_found_with_intervals_over_seeds(ensemble):
    table, slopes, _ = ensemble
    assert tuple(table.columns) == TRANSITION.columns
    assert tuple(slopes.columns) == LOSS_SLOPE.columns
    found = values_of(table)
    assert found.loc["transition_step", "value"] == pytest.approx(1000, rel=0.12)
    assert found.loc["log_step_escape_step", "value"] == pytest.approx(1000, rel=0.25)
    assert found.loc["log_step_escape_phi", "value"] == pytest.approx(0.5, abs=0.2)
    assert found.loc["plateau_phi", "value"] == pytest.approx(0, abs=0.1)
    assert found.loc["bigram_passage_step", "value"] < found.loc["transition_step", "value"]
    # phi, a logistic function of log step of width 0.15, passes 1/2 at 1000; it is never exactly 0.
    ratio = found.loc["transition_step", "value"] / found.loc["bigram_passage_step", "value"]
    assert found.loc["passage_efolds", "value"] == pytest.approx(np.log(ratio), rel=0.05)
    assert 0 < found.loc["passage_rise", "value"] < found.loc["passage_efolds", "value"] / 2
    for quantity in ("transition_step", "escape_step", "plateau_order_parameter"):
        row = found.loc[quantity]
        assert row["lower"] < row["value"] < row["upper"]
        assert row["seeds"] == 9
    # A logistic step is smooth at this resolution.
    assert found.loc["log_step_kink_detected", "value"] == 0
    assert found.loc["log_step_kink_share", "upper"] < 0.5


def test_fluctuations_peak_at_the_transition_and_vanish_when_aligned(ensemble):
    *_, fluctuations = ensemble
    assert tuple(fluctuations.columns) == SUSCEPTIBILITY.columns
    plain = fluctuations[fluctuations["aligned"] == 0]
    near = plain[plain["step"].between(500, 2000)]
    peak = near.loc[near["variance"].idxmax()]
    assert peak["step"] == pytest.approx(1000, rel=0.25)
    assert peak["variance_lower"] < peak["variance"] <= peak["variance_upper"] * 1.01
    assert peak["susceptibility_width"] == pytest.approx(32 * peak["variance"])
    assert peak["susceptibility_parameters"] == pytest.approx(25_089 * peak["variance"])
    aligned = fluctuations[(fluctuations["aligned"] == 1) & fluctuations["step"].between(500, 2000)]
    assert aligned["variance"].max() < 0.1 * peak["variance"]


def test_one_seed_has_no_interval_and_says_so():
    found = values_of(analyse(make_metrics(seeds=1))[0])
    assert np.isnan(found.loc["transition_step", "lower"])
    assert "no interval" in found.loc["transition_step", "method"]
    assert "at least 8 are needed" in found.loc["susceptibility_peak", "method"]


def test_a_run_that_ends_before_the_bigram_level_has_notes_in_place_of_values():
    table, slopes, fluctuations = analyse(make_metrics(seeds=1, last=40))
    found = values_of(table)
    assert found.loc["bigram_passage_step", "method"] == "no seed's loss passes the bigram entropy"
    assert np.isnan(found.loc["transition_step", "value"])
    assert fluctuations.empty
    transition_loss_slope.draw(slopes, table)
    transition_susceptibility.draw(fluctuations)


def test_a_corpus_without_trigram_structure_has_no_levels():
    entropies = pd.DataFrame({"order": [1, 2, 3], "train_entropy": [3.3, 2.45, 2.42]})
    assert levels_of(entropies) is None
    assert levels_of(entropies.assign(train_entropy=[3.3, 2.45, 1.9])) == LEVELS
    with pytest.raises(RecordError, match="lack order 3"):
        levels_of(entropies[entropies["order"] < 3])
    found = values_of(analyse(make_metrics(seeds=1), levels=None)[0])
    assert "do not differ" in found.loc["transition_step", "method"]
    assert found.loc["kink_detected", "seeds"] == 1


def test_broken_metrics_are_named():
    metrics = make_metrics(seeds=1)
    metrics.loc[3, "train_loss"] = np.nan
    with pytest.raises(RecordError, match="size small, seed 0"):
        analyse(metrics)


def test_progress_is_zero_at_bigram_and_one_at_trigram_level():
    np.testing.assert_allclose(LEVELS.progress([2.45, 1.9, 3.0]), [0, 1, -1])


def test_transition_is_where_progress_passes_one_half():
    assert transition_step(np.array([0.0, 10, 20]), np.array([-1, 0.25, 0.75])) == pytest.approx(15)


def test_aligned_copies_of_one_curve_coincide():
    steps = np.geomspace(1, 4000, 400)
    times = np.array([700, 1000, 1300])
    progress = 1 / (1 + (steps / times[:, None]) ** -3.0)
    aligned_steps, usable, aligned = align(steps, progress)
    assert usable.tolist() == list(range(len(progress)))
    assert np.ptp(aligned, axis=0).max() < 2e-3
    assert aligned_steps.min() < 10


def test_variance_of_timing_goes_with_aligning_and_other_variance_stays():
    rng = np.random.default_rng(3)
    steps = np.geomspace(1, 4000, 200)
    curve = steps**3 / (steps**3 + 1000.0**3)
    # Times alone differ: aligned, nothing is left but interpolation.
    times = 1000 * np.exp(rng.normal(0, 0.2, 16))
    shifted = 1 / (1 + (steps / times[:, None]) ** -3.0)
    value, lower, _ = share_of_timing(steps, shifted)
    assert value > lower > 100
    # Heights differ where the mean is near 0.2, and all pass 1/2 at one time.
    bump = np.exp(-((curve - 0.2) ** 2) / 0.005)
    value, lower, upper = share_of_timing(steps, curve + rng.normal(0, 0.03, (16, 1)) * bump)
    assert lower <= value <= upper
    assert value == pytest.approx(1, abs=0.1)
    assert share_of_timing(steps, shifted[:2]) is None
    assert share_of_timing(steps, shifted - 1) is None


def test_figures_show_what_was_found(ensemble):
    table, slopes, fluctuations = ensemble
    figure = transition_loss_slope.draw(slopes, table)
    marks = {line.get_gid() for axes in figure.axes for line in axes.lines}
    assert {"slope-0", "passage-0", "plateau-0", "escape-0"} <= marks
    figure = transition_susceptibility.draw(fluctuations)
    whole, between = figure.axes[0].lines
    assert (whole.get_gid(), between.get_gid()) == ("susceptibility_width-small", "between-small")
    assert 0 < len(between.get_xdata()) < len(whole.get_xdata())
