import numpy as np
import pandas as pd
import pytest

from orderparam.figures import hopfield
from orderparam.known_systems.hopfield import estimate_capacity, measure_retrieval, retrieve
from orderparam.tables import CAPACITY, write_table


def patterns(count, neurons, seed=0):
    rng = np.random.default_rng(seed)
    return (2 * rng.integers(0, 2, (count, neurons)) - 1).astype(np.int8)


def test_one_pattern_is_a_fixed_point():
    assert retrieve(patterns(1, 100), np.random.default_rng(0)) == 1.0


def test_orthogonal_patterns_are_fixed_points():
    # Of Hadamard's matrix; N - P times the pattern is the field, so all P < N are stable.
    hadamard = np.array([[1]])
    for _ in range(6):
        hadamard = np.block([[hadamard, hadamard], [hadamard, -hadamard]])
    assert retrieve(hadamard[:40].astype(np.int8), np.random.default_rng(0)) == 1.0


def test_an_overloaded_network_leaves_its_pattern():
    overlaps = [retrieve(patterns(60, 120), np.random.default_rng(seed)) for seed in range(5)]
    assert max(overlaps) < 0.95


def test_retrieval_breaks_down_with_load():
    table = measure_retrieval(400, [0.05, 0.12, 0.3], 10, seed=3)
    assert (table["patterns"] == [20, 48, 120]).all()
    assert table["overlap"].iloc[0] > 0.99 and table["overlap"].iloc[-1] < 0.6
    assert table["retrieved"].tolist()[0] == 10
    # A point does not depend on which others are measured.
    alone = measure_retrieval(400, [0.12], 10, seed=3)
    pd.testing.assert_frame_equal(alone, table.iloc[1:2].reset_index(drop=True))


def test_capacity_of_known_curves(tmp_path, monkeypatch):
    monkeypatch.setattr("orderparam.known_systems.hopfield._RESAMPLES", 80)
    rng = np.random.default_rng(5)
    rows = []
    for neurons in (250, 500, 1000, 2000):
        for load in np.arange(0.1, 0.3, 0.01):
            share = 1 / (1 + np.exp((load - 0.138 - 10 / neurons) / 0.01))
            rows.append((neurons, 0, load, 400, rng.binomial(400, share), 0.0, 0.0))
    names = ["neurons", "patterns", "load", "networks", "retrieved", "overlap", "overlap_error"]
    retrieval = pd.DataFrame(rows, columns=names)
    table = estimate_capacity(retrieval, seed=0)
    half = table[table["estimate"] == "half"]
    assert half["value"].to_numpy() == pytest.approx(0.138 + 10 / half["neurons"].to_numpy(float), abs=0.003)
    limit = table[table["estimate"] == "extrapolated"].iloc[0]
    assert limit["lower"] < 0.138 < limit["upper"]
    assert limit["upper"] - limit["lower"] < 0.03
    # Read from a file, the numbers of neurons are floats, since the extrapolation has none.
    write_table(table, tmp_path / "capacity.csv")
    assert len(hopfield.draw(retrieval, CAPACITY.read(tmp_path / "capacity.csv")).axes) == 2
