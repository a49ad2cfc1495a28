"""Validation, crossings and phases on made-up and on sampled points whose answers are known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from orderparam.errors import StatisticsError
from orderparam.known_systems.ising.crossings import estimate_critical_temperatures
from orderparam.known_systems.ising.grids import measure_grids, take_snapshots
from orderparam.known_systems.ising.lattice import MeanFieldModel
from orderparam.known_systems.ising.mean_field import solve_mean_field
from orderparam.known_systems.ising.potts import (
    count_passages,
    equal_weight_temperature,
    sample_phases,
    transition_temperature,
)
from orderparam.known_systems.ising.reference import (
    TRANSITIONS,
    exact_values,
    is_yang_exact,
    tabulate_exact_curves,
)
from orderparam.known_systems.ising.square_lattice import kaufman_observables
from orderparam.known_systems.ising.validation import compare_with_exact, summarise_validation
from orderparam.tables import CRITICAL, OBSERVABLES, VALIDATION


def sample(*grids, seed):
    """Points of grids (system, lengths, temperatures, samples, and perhaps a field)."""
    names = ("system", "lengths", "temperatures", "samples", "field")
    return measure_grids({i: dict(zip(names, grid, strict=False)) for i, grid in enumerate(grids)}, seed)


def make_cumulants(system, lengths, temperatures, cumulant, error=1e-3, noise=None):
    rows = []
    for length in lengths:
        for temperature in temperatures:
            value = cumulant(length, temperature) + (noise.normal(0, error) if noise else 0)
            point = (system, length, temperature, 0.0, "wolff", length, 1, 0.5)
            rows.append((*point, "binder_cumulant", value, error))
    return OBSERVABLES.frame(rows)


def scaling_cumulant(system, correction=0.0):
    """A cumulant that obeys finite-size scaling with a correction of the known exponent."""
    t = TRANSITIONS[system]

    def cumulant(length, temperature):
        x = (temperature / t.temperature - 1) * length**t.inverse_nu
        return 1 / 3 - np.tanh(0.8 * x - 0.5) / 3 + correction * length**-t.omega

    return cumulant


@pytest.mark.parametrize("system", ["2d", "3d"])
def test_crossings_of_scaling_curves_extrapolate_to_the_transition(system):
    temperatures = TRANSITIONS[system].temperature * np.linspace(0.99, 1.01, 21)
    table = make_cumulants(system, [8, 16, 32, 64], temperatures, scaling_cumulant(system, 0.3), 1e-4)
    critical = estimate_critical_temperatures(table)
    assert tuple(critical.columns) == CRITICAL.columns
    crossings = critical[critical["estimate"] == "crossing"]
    assert crossings["length"].tolist() == [8, 16, 32]
    # The corrections shift the crossings, ever less, and the extrapolation takes the shift away.
    shifts = crossings["relative_deviation"].abs().to_numpy()
    assert (np.diff(shifts) < 0).all()
    assert shifts[0] > 1e-3
    (last,) = critical[critical["estimate"] == "extrapolated"]["relative_deviation"]
    assert abs(last) < 5e-4


def test_errors_of_the_crossings_are_those_of_their_scatter():
    temperatures = TRANSITIONS["2d"].temperature * np.linspace(0.97, 1.03, 13)
    rng = np.random.default_rng(5)
    found = [
        estimate_critical_temperatures(
            make_cumulants("2d", [8, 16, 32], temperatures, scaling_cumulant("2d"), 4e-3, rng)
        )
        for _ in range(25)
    ]
    z = np.array([(t["temperature"] - t["reference"]) / t["error"] for t in found], dtype=float)
    assert np.isfinite(z).all()
    assert 0.7 < np.sqrt(np.mean(z**2)) < 1.35


def test_exact_cumulants_of_the_mean_field_give_its_critical_temperature():
    table = make_cumulants(
        "mean-field",
        [128, 256, 512, 1024],
        np.linspace(0.95, 1.04, 19),
        lambda n, t: solve_mean_field(MeanFieldModel(n), t)["binder_cumulant"],
        1e-5,
    )
    critical = estimate_critical_temperatures(table).set_index("estimate")
    assert critical.loc["extrapolated", "temperature"] == pytest.approx(1, abs=1e-3)
    # The crossing of 128 and 256 itself, from the exact curves.
    assert critical.loc["crossing", "temperature"].iloc[0] == pytest.approx(0.98860, abs=2e-4)


def test_curves_that_do_not_cross_have_no_critical_temperature():
    def chain(length, temperature):
        return 2 / 3 / (1 + length * np.exp(-2 / temperature) / 3)

    rng = np.random.default_rng(1)
    table = make_cumulants("1d", [16, 32, 64], np.linspace(0.3, 3, 20), chain, 2e-3, rng)
    critical = estimate_critical_temperatures(table)
    assert critical["estimate"].tolist() == ["crossing", "crossing"]
    assert critical["temperature"].isna().all()


def test_pairs_with_few_common_temperatures_are_not_judged():
    table = pd.concat(
        [
            make_cumulants("2d", [8], np.linspace(2.2, 2.3, 10), scaling_cumulant("2d")),
            make_cumulants("2d", [16], np.linspace(2.2, 2.3, 7), scaling_cumulant("2d")),
        ]
    )
    assert estimate_critical_temperatures(table).empty


def test_exact_values_come_from_where_they_are_known():
    assert exact_values("2d", 64, 2.0, 0.0)[1] == "Kaufman; Yang"
    values, source = exact_values("2d", 64, 2.26, 0.0)
    assert (values["energy"], values["specific_heat"]) == kaufman_observables(64, 64, 2.26)
    assert source == "Kaufman"
    assert exact_values("3d", 16, 4.5, 0.0) == exact_values("2d", 64, 2.0, 0.1) == ({}, "")
    assert exact_values("1d", 16, 1.0, 0.2)[1] == exact_values("2d", 5, 2.0, 0.2)[1] == "transfer matrix"
    assert is_yang_exact(64, 2.0)
    assert not is_yang_exact(8, 2.0)
    assert not is_yang_exact(64, 2.4)


def test_sampled_points_agree_with_their_exact_values_and_a_planted_error_does_not():
    observables = sample(
        ("1d", [8], [0.9, 1.5], 4000),
        ("2d", [4], [2.0, 3.0], 4000),
        ("2d", [4], [3.0], 8000, 0.5),
        ("mean-field", [32], [0.8, 1.2], 4000),
        seed=3,
    )
    assert tuple(observables.columns) == OBSERVABLES.columns
    assert len(observables) == 5 * 6 + 6
    assert set(observables["algorithm"]) == {"wolff", "metropolis"}
    validation = compare_with_exact(observables)
    assert tuple(validation.columns) == VALIDATION.columns
    assert len(validation) == len(observables)
    summary = summarise_validation(validation).set_index(["system", "observable"])
    assert summary["agrees"].all(), validation
    assert summary.loc[("all", "all"), "count"] == 36
    assert 0.5 < summary.loc[("all", "all"), "root_mean_square_z"] < 1.5
    planted = observables.copy()
    wrong = (planted["system"] == "2d") & (planted["observable"] == "energy")
    planted.loc[wrong, "value"] += 6 * planted.loc[wrong, "error"]
    judged = summarise_validation(compare_with_exact(planted)).set_index(["system", "observable"])
    verdicts = judged["agrees"]
    assert not verdicts[("2d", "all")]
    assert not verdicts[("all", "energy")]
    assert verdicts[("1d", "all")]
    assert verdicts[("all", "binder_cumulant")]


def test_a_point_draws_the_same_numbers_in_any_grid():
    alone = sample(("2d", [4], [2.5], 400), seed=1)
    among = sample(("2d", [3, 4], [2.0, 2.5], 400), seed=1)
    same = among[(among["length"] == 4) & (among["temperature"] == 2.5)].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone, same)
    other = sample(("2d", [4], [2.5], 400), seed=2)
    assert (other["value"] != alone["value"]).all()


def test_too_few_samples_name_the_point():
    with pytest.raises(StatisticsError, match=r"system mean-field, length 2000, temperature 1\.0: "):
        sample(("mean-field", [2000], [1.0], 400), seed=1)


def test_share_beyond_three_is_judged_by_the_binomial_distribution():
    z = np.zeros(1000)
    table = pd.DataFrame({"system": "2d", "observable": "energy", "z": z})
    for beyond, agrees in ((2, True), (7, True), (9, False)):
        z[:beyond] = 3.2
        row = summarise_validation(table.assign(z=z)).iloc[-1]
        assert (row["beyond_3"], row["agrees"]) == (beyond, agrees)
        assert row["expected_beyond_3"] == pytest.approx(2.7, abs=0.01)
    assert not summarise_validation(table.assign(z=np.where(np.arange(1000) == 0, 5, 0))).iloc[-1]["agrees"]


def test_exact_curves_cover_what_was_measured():
    points = pd.concat(
        make_cumulants(system, lengths, temperatures, lambda *_: 0)
        for system, lengths, temperatures in (
            ("1d", [8], [0.5, 2.0]),
            ("2d", [4, 8], [1.5, 3.0]),
            ("mean-field", [8], [0.5, 1.5]),
        )
    )
    exact = tabulate_exact_curves(points, points=5)
    square = exact[exact["system"] == "2d"]
    assert square["temperature"].agg(["min", "max"]).tolist() == [1.5, 3.0]
    assert set(square["length"].dropna()) == {4, 8}
    heat = square[(square["length"] == 4) & (square["observable"] == "specific_heat")]
    assert heat["value"].iloc[0] == pytest.approx(kaufman_observables(4, 4, 1.5)[1])
    assert (exact.loc[exact["system"] == "1d", "value"] == 0).all()
    mean_field = exact.loc[exact["system"] == "mean-field", "value"]
    assert (mean_field.diff().dropna() <= 0).all()
    assert mean_field.iloc[-1] == 0


def test_potts_has_two_phases_of_equal_weight():
    histogram, phases = sample_phases(10, [20], 30_000, 1)
    assert histogram["density"].sum() * 0.02 == pytest.approx(1)
    assert phases["phase"].tolist() == ["ordered", "disordered"]
    assert (phases["valley_to_peak"] < 0.6).all()
    assert (phases["passages"] >= 4).all()
    assert (phases["peak_energy"] - phases["exact_energy"]).abs().max() < 0.1
    middle = phases["exact_energy"].mean()
    cold = histogram.loc[histogram["energy"] < middle, "density"].sum() * 0.02
    assert 0.25 < cold < 0.75
    assert equal_weight_temperature(10, 10**8) == pytest.approx(transition_temperature(10))


def test_passages_count_from_one_phase_to_the_other():
    assert count_passages(np.array([0.0, 5, 4, 5, 9, 5, 8, 1, 5]), 1, 8) == 2
    assert count_passages(np.full(5, 5.0), 1, 8) == 0


def test_snapshots_are_ordered_below_and_disordered_above():
    snapshots = take_snapshots(32, [0.7, 2.0], 200, seed=1)
    assert len(snapshots) == 2 * 32 * 32
    m = snapshots.groupby("temperature")["spin"].mean().abs()
    assert m[0.7] > 0.95
    assert m[2.0] < 0.3
    assert not snapshots.duplicated(["temperature", "row", "column"]).any()
