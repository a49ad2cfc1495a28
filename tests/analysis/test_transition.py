"""The analysis of whole experiments: what is planted is found, what is missing is told."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from orderparam.analysis.escape import Levels, levels_of, steepest_progress, transition_step
from orderparam.analysis.transition import analyse_transition
from orderparam.errors import RecordError
from orderparam.figures import sharpening_with_width, transition_loss_slope
from orderparam.tables import LOSS_SLOPE, TRANSITION

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
        values = {"step": steps, "order_parameter": 0.1 * (1 + 0.05 * np.sqrt(steps))}
        values["train_loss"] = loss + rng.normal(0, 0.001, steps.size)
        tables.append(pd.DataFrame({"size": size, "seed": seed, **values}))
    return pd.concat(tables, ignore_index=True)


def analyse(metrics, levels=LEVELS):
    sizes = metrics["size"].unique()
    by_size = {size: levels for size in sizes} if levels else {}
    return analyse_transition(metrics, by_size, dict(zip(sizes, (16, 32, 64), strict=False)))


@pytest.fixture(scope="module")
def ensemble():
    return analyse(make_metrics())


def values_of(table):
    return table[table["size"] != "all"].set_index("quantity")


def test_plateau_escape_and_transition_are_found_with_intervals_over_seeds(ensemble):
    table, slopes = ensemble
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


def test_one_seed_has_no_interval_and_says_so():
    found = values_of(analyse(make_metrics(seeds=1))[0])
    assert np.isnan(found.loc["transition_step", "lower"])
    assert "no interval" in found.loc["transition_step", "method"]


def test_a_run_that_ends_before_the_bigram_level_has_notes_in_place_of_values():
    table, slopes = analyse(make_metrics(seeds=1, last=40))
    found = values_of(table)
    assert found.loc["bigram_passage_step", "method"] == "no seed's loss passes the bigram entropy"
    assert np.isnan(found.loc["transition_step", "value"])
    transition_loss_slope.draw(slopes, table)


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


def three_widths(exponent):
    """Ensembles whose passage is shorter by width^-exponent, each size at a time of its own."""
    tables = []
    for factor, middle in ((1, 1000.0), (2, 600.0), (4, 360.0)):
        metrics = make_metrics(f"d{16 * factor}", seeds=3, middle=middle)
        # Stretch the curve around its own time.
        ratio = np.maximum(metrics["step"], 0.5) / middle
        steps = middle * ratio ** (factor**-exponent)
        tables.append(metrics.assign(step=np.where(metrics["step"] > 0, steps, 0.0)))
    return pd.concat(tables, ignore_index=True)


@pytest.fixture(scope="module")
def sharpening():
    return analyse(three_widths(0.5))


@pytest.mark.parametrize("exponent", [0.0, 0.5])
def test_widths_that_sharpen_are_told_from_those_that_do_not(sharpening, exponent):
    table, slopes = sharpening if exponent else analyse(three_widths(exponent))
    found = table[table["size"] == "all"].set_index("quantity")["value"]
    assert found["collapse_width_exponent"] == pytest.approx(exponent, abs=0.15)
    if exponent:
        assert found["collapse_held_out"] < found["collapse_unscaled"] / 3
    steepest = [
        np.mean([steepest_progress(run.reset_index(drop=True), LEVELS) for _, run in of_size.groupby("seed")])
        for _, of_size in slopes.groupby("size", sort=False)
    ]
    measured = np.log(steepest[-1] / steepest[0]) / np.log(4)
    assert (measured > 0.2) == (exponent > 0)
    if not exponent:
        assert abs(measured) < 0.1


def test_an_escape_that_is_not_passed_is_a_lower_bound():
    table = values_of(analyse(make_metrics(seeds=3, last=1000))[0])
    assert "log_step_escape_phi" not in table.index
    assert 0 < table.loc["log_step_escape_lower_bound_phi", "value"] < 0.7


def test_figures_show_what_was_found(ensemble, sharpening):
    table, slopes = ensemble
    figure = transition_loss_slope.draw(slopes, table)
    marks = {line.get_gid() for axes in figure.axes for line in axes.lines}
    assert {"slope-0", "passage-0", "plateau-0", "escape-0"} <= marks
    # A size in which no dip was found has rows without values.
    flat = [frame.assign(size="flat") for frame in (slopes, table.assign(value=np.nan))]
    both = [pd.concat(pair) for pair in zip((slopes, table), flat, strict=True)]
    label = transition_loss_slope.draw(*both).get_label()
    assert label.endswith(f"again in {table['size'].iloc[0]}")
    runs = pd.DataFrame({"size": ["d16", "d32", "d64"], "d_model": [16, 32, 64]})
    metrics = three_widths(0.5)
    levels = {"order": [2, 3], "train_entropy": [LEVELS.bigram, LEVELS.trigram]}
    entropies = pd.concat([pd.DataFrame({"size": size, **levels}) for size in runs["size"]])
    left, right = sharpening_with_width.draw(metrics, runs, entropies, sharpening[1]).axes
    assert [line.get_gid() for line in left.lines[:3]] == ["phi-d16", "phi-d32", "phi-d64"]
    assert [label.get_text() for label in right.get_xticklabels()] == ["16", "32", "64"]
    nothing = sharpening_with_width.draw(metrics[metrics["step"] < 50], runs, entropies, sharpening[1])
    assert not nothing.axes[0].lines
