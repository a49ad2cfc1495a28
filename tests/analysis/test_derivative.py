"""dL/db against closed forms, its grid, and the values that do not exist."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orderparam.analysis.derivative import compute_derivative, find_crossings, first_passage
from orderparam.errors import RecordError
from orderparam.tables import DERIVATIVE, write_table


def make_run(steps, order_parameter, train_loss, size="a", seed=1):
    values = {"step": steps, "order_parameter": order_parameter, "train_loss": train_loss}
    return pd.DataFrame({"size": size, "seed": seed, **values})


def test_quadratic_loss_gives_the_sum_of_neighbouring_order_parameters():
    # L = c b^2 has the exact backward difference c (b_k + b_{k-1}).
    steps = np.arange(0, 1001, 10)
    b = np.sqrt(steps + 4.0)
    table = compute_derivative(make_run(steps, b, -3 * b**2), {"a": 100})
    on_grid = b[::10]
    assert tuple(table.columns) == DERIVATIVE.columns
    assert table["step"].tolist() == list(range(100, 1001, 100))
    np.testing.assert_array_equal(table["order_parameter"], on_grid[1:])
    np.testing.assert_allclose(table["dloss_dorder"], -3 * (on_grid[1:] + on_grid[:-1]), rtol=1e-12)


@settings(max_examples=40, deadline=None)
@given(
    slope=st.floats(-1e3, 1e3),
    every=st.integers(1, 7),
    increments=st.lists(st.floats(0.25, 4), min_size=2, max_size=40),
)
def test_linear_loss_gives_its_slope_on_any_grid(slope, every, increments):
    b = np.cumsum(increments)
    table = compute_derivative(make_run(range(len(b)), b, 1 + slope * b), {"a": every})
    assert len(table) == (len(b) - 1) // every
    np.testing.assert_allclose(table["dloss_dorder"], slope, rtol=1e-9, atol=1e-9)


def test_sizes_keep_their_own_grids_and_the_order_of_the_metrics():
    slow = [make_run(range(0, 9, 2), np.arange(5) + 1.0, np.arange(5) * 2.0, "slow", seed) for seed in (7, 3)]
    fast = make_run(range(4), np.arange(4) + 1.0, np.arange(4) * -1.0, "fast")
    table = compute_derivative(pd.concat([*slow, fast]), {"fast": 1, "slow": 4})
    rows = list(table[["size", "seed", "step", "dloss_dorder"]].itertuples(index=False, name=None))
    expected = [("slow", seed, step, 2.0) for seed in (7, 3) for step in (4, 8)]
    assert rows == [*expected, *(("fast", 1, step, -1.0) for step in (1, 2, 3))]


def test_rows_may_come_in_any_order_of_steps():
    run = make_run(range(6), np.arange(6) ** 1.5, np.arange(6) * -1.0)
    pd.testing.assert_frame_equal(
        compute_derivative(run, {"a": 1}), compute_derivative(run.iloc[::-1], {"a": 1})
    )


def test_no_change_of_b_gives_an_empty_cell(tmp_path):
    run = make_run(range(4), [1.0, 1.0, 2.0, 2.0], [4.0, 3.0, 2.0, 2.0])
    table = compute_derivative(run, {"a": 1})
    np.testing.assert_array_equal(table["dloss_dorder"], [np.nan, -1.0, np.nan])
    path = tmp_path / "derivative.csv"
    write_table(table, path)
    assert path.read_text().splitlines()[1:] == ["a,1,1,1.0,,1", "a,1,2,2.0,-1.0,1", "a,1,3,2.0,,1"]
    pd.testing.assert_frame_equal(DERIVATIVE.read(path), table, check_dtype=False)


def test_an_overflow_is_undefined_and_not_infinite():
    table = compute_derivative(make_run(range(2), [0.0, 5e-324], [4.0, 3.0]), {"a": 1})
    assert table["dloss_dorder"].isna().tolist() == [True]


def test_a_run_shorter_than_one_interval_has_no_row():
    table = compute_derivative(make_run(range(3), [1.0, 2.0, 3.0], [3.0, 2.0, 1.0]), {"a": 10})
    assert table.empty
    assert tuple(table.columns) == DERIVATIVE.columns


RUN = make_run(range(0, 41, 10), np.arange(5) + 1.0, np.arange(5) * -1.0)


@pytest.mark.parametrize("missing", [0, 20])
def test_a_missing_checkpoint_is_named(missing):
    broken = RUN.assign(seed=2)[RUN["step"] != missing]
    with pytest.raises(RecordError, match=rf"size a, seed 2: step {missing} is missing"):
        compute_derivative(pd.concat([RUN, broken]), {"a": 20})


def test_a_run_that_ends_early_has_slopes_as_far_as_it_goes():
    table = compute_derivative(pd.concat([RUN, RUN.assign(seed=2)[RUN["step"] < 40]]), {"a": 20})
    assert table[["seed", "step", "interval"]].to_numpy().tolist() == [[1, 20, 20], [1, 40, 20], [2, 20, 20]]


@pytest.mark.parametrize("column", ["order_parameter", "train_loss"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_value_that_is_not_finite_is_named(column, value):
    broken = RUN.assign(**{column: RUN[column].where(RUN["step"] != 20, value)})
    with pytest.raises(RecordError, match=r"size a, seed 1: a value at step 20"):
        compute_derivative(broken, {"a": 10})


@pytest.mark.parametrize(
    ("run", "grids", "message"),
    [
        (pd.concat([RUN, RUN.iloc[1:2]]), {"a": 10}, "seed 1: step 10 is recorded twice"),
        (RUN, {"a": 10, "b": 10}, "size b"),
        (RUN, {}, "size a"),
    ],
)
def test_metrics_and_grids_that_do_not_fit_are_told(run, grids, message):
    with pytest.raises(RecordError, match=message):
        compute_derivative(run, grids)


def test_first_passage_is_a_fractional_row():
    assert first_passage([3, 2, 1], 1.5) == pytest.approx(1.5)
    assert first_passage([3, 2], 1) is None


def test_crossing_is_interpolated_between_the_measured_steps():
    run = make_run([0, 10, 30], [1.0, 2.0, 4.0], [4.0, 3.0, 1.0])
    (crossing,) = find_crossings(run, 2.5).itertuples(index=False)
    assert (crossing.size, crossing.seed) == ("a", 1)
    assert crossing.step == pytest.approx(15)
    assert crossing.order_parameter == pytest.approx(2.5)


def test_only_the_first_crossing_counts_and_runs_without_one_have_no_row():
    bumpy = make_run(range(5), [1.0, 2.0, 3.0, 4.0, 5.0], [3.0, 1.0, 3.0, 1.0, 1.0], seed=1)
    never = make_run(range(2), [1.0, 2.0], [4.0, 3.0], seed=2)
    below = make_run(range(2), [1.0, 2.0], [1.5, 1.0], seed=3)
    crossings = find_crossings(pd.concat([bumpy, never, below]), 2.0)
    assert crossings["seed"].tolist() == [1]
    assert crossings["order_parameter"].tolist() == [1.5]
